"""Class lists."""

import pytest
from pycocotools.coco import COCO
from torchvision.models import ResNet18_Weights, VGG16_Weights

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.checkpoints import ClassList, load_classes


def test_imagenet_has_the_sorted_synsets_and_torchvisions_labels():
    classes = load_classes("imagenet1k")
    assert len(classes) == 1000
    assert list(classes.ids) == sorted(set(classes.ids))
    assert all(
        class_id[0] == "n" and len(class_id) == 9 and class_id[1:].isdigit() for class_id in classes.ids
    )
    assert list(classes.labels) == VGG16_Weights.IMAGENET1K_V1.meta["categories"]


@pytest.mark.parametrize(
    ("index", "synset", "label"),
    # three classes that every ImageNet user knows by heart, and both ends
    [
        (0, "n01440764", "tench"),
        (207, "n02099601", "golden retriever"),
        (282, "n02123159", "tiger cat"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_imagenet_indices_are_the_usual_ones(index, synset, label):
    classes = load_classes("imagenet1k")
    assert (classes.ids[index], classes.labels[index]) == (synset, label)
    assert classes.index_of[synset] == index


def test_imagenet_synsets_agree_with_the_data(real_data):
    lines = (real_data / "imagenet" / "synset_words.txt").read_text().splitlines()
    assert list(load_classes("imagenet1k").ids) == [line.split()[0] for line in lines]


def test_coco_classes_are_in_order_of_category_ids(real_data):
    coco = COCO(real_data / "coco" / "annotations" / "instances_val2014.json")
    names = [category["name"] for category in coco.loadCats(sorted(coco.getCatIds()))]
    assert list(load_classes("coco80").ids) == names


def test_coco_has_eighty_classes_from_person_to_toothbrush():
    classes = load_classes("coco80")
    assert (len(classes), classes.ids[0], classes.ids[-1]) == (80, "person", "toothbrush")
    assert classes.ids.index("stop sign") == 11  # category id 13: 12 is not used


def test_voc_has_twenty_classes_in_alphabetical_order():
    classes = load_classes("voc20")
    assert (len(classes), classes.ids[0], classes.ids[-1]) == (20, "aeroplane", "tvmonitor")
    assert list(classes.ids) == sorted(classes.ids)


@pytest.mark.parametrize("text", ["207", "n02099601", "golden retriever", "Golden Retriever"])
def test_class_is_found_by_index_id_and_label(text):
    assert load_classes("imagenet1k").find(text) == 207


def test_class_is_found_by_one_of_its_names():
    classes = ClassList("two", ("a", "b"), ("cat, house cat", "dog"))
    assert classes.find("house cat") == 0


def test_unknown_class_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown class of coco80 'zebras'; did you mean 'zebra'"):
        load_classes("coco80").find("zebras")


def test_a_word_of_several_labels_is_answered_with_them():
    with pytest.raises(RaybenchError, match="'setter'; the word is in English setter, Irish setter, Gordon"):
        load_classes("imagenet1k").find("setter")


@pytest.mark.parametrize("index", ["20", "-1", "1000000"])
def test_index_out_of_range_is_refused_with_the_range(index):
    with pytest.raises(RaybenchError, match=f"no class {index} in voc20; its indices go from 0 to 19"):
        load_classes("voc20").find(index)


def test_digits_that_are_no_number_are_an_unknown_class():
    with pytest.raises(UnknownNameError, match="unknown class of voc20 '²'"):
        load_classes("voc20").find("²")


def test_label_of_two_classes_is_refused_with_both():
    classes = ClassList("three", ("a", "b", "c"), ("crane, bird", "crane, machine", "bird"))
    with pytest.raises(
        RaybenchError, match=r"of three are called 'Crane': 0 \(a\) and 1 \(b\); give an index"
    ):
        classes.find("Crane")
    assert classes.find("bird") == 2, "a whole label comes before a part of one"


def test_id_comes_before_an_index_and_a_label():
    classes = ClassList("digits", ("1", "0"), ("0", "zero"))
    assert (classes.find("1"), classes.find("0")) == (0, 1)


def test_byte_order_mark_is_no_part_of_the_first_class(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes(b"\xef\xbb\xbfape\nbee\n")
    assert load_classes(str(path)).ids == ("ape", "bee")


def test_own_class_list_is_read_with_and_without_labels(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("a\tthe letter a\n\nb\n")
    assert load_classes(str(path)) == ClassList("mine", ("a", "b"), ("the letter a", "b"))


def test_wordnet_ids_may_be_followed_by_a_space(tmp_path):
    path = tmp_path / "synset_words.txt"
    path.write_text("n01440764 tench, Tinca tinca\nn01443537 goldfish\n")
    expected = ("n01440764", "n01443537"), ("tench, Tinca tinca", "goldfish")
    assert load_classes(str(path)) == ClassList("synset_words", *expected)
    path = tmp_path / "labels.txt"
    path.write_text("n01440764 tench\ngold fish\n")  # not all of them: lines are ids
    assert load_classes(str(path)).ids == ("n01440764 tench", "gold fish")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n", "is empty; expected one class per line"),
        (b"a\nb\na\n", "names 'a' twice"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_bad_class_list_is_refused(tmp_path, content, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(RaybenchError, match=message):
        load_classes(str(path))


def test_unknown_class_list_names_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown class list 'imagenet'; did you mean 'imagenet1k'"):
        load_classes("imagenet")


def test_torchvisions_heads_have_as_many_outputs_as_imagenet_has_classes():
    assert len(ResNet18_Weights.IMAGENET1K_V1.meta["categories"]) == len(load_classes("imagenet1k"))
