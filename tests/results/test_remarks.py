"""What stands below a table about pictures that were skipped or changed."""

from __future__ import annotations

from raybench.benchmark.tables import comparison_table, render_table

SKIPPED = [{"image_id": "a", "reason": "not a picture"}, {"image_id": "b", "reason": "not a picture"}]
SENTENCE = "skipped, as they could not be used: 2 pictures; run.json says why"


def test_a_table_says_how_many_pictures_were_skipped_and_what_was_noted(make_run):
    run = make_run(skipped=SKIPPED, notes={"boxes are scaled to its size": 1})
    notes = comparison_table([run]).notes
    assert notes[-2:] == (SENTENCE, "1 picture: boxes are scaled to its size")
    assert SENTENCE in render_table(comparison_table([run]), "markdown")


def test_a_table_says_which_metrics_had_options(make_run):
    run = make_run(metrics={"content_heatmap": {}, "pointing_game": {"k": 50, "share": None}})
    assert "PG: k = 50, share = None" in comparison_table([run]).notes
    assert not [note for note in comparison_table([run]).notes if note.startswith("CH:")]


def test_a_table_of_a_run_without_remarks_says_nothing_of_pictures(make_run):
    assert comparison_table([make_run(skipped=[], notes={})]).notes == comparison_table([make_run("b")]).notes


def test_of_two_runs_a_sentence_of_one_names_its_folder_and_a_shared_one_stands_once(make_run):
    both = {"squeezed": 3}
    first, second = make_run("first", skipped=SKIPPED, notes=both), make_run("second", notes=both)
    notes = comparison_table([first, second]).notes
    assert notes[-2:] == ("3 pictures: squeezed", f"{first}: {SENTENCE}")


def test_which_weights_were_measured_is_said_of_each_run_where_they_differ(make_run):
    first = make_run("first", weights_sha256={"net": "1" * 64, "same": f"{'3' * 64}+{'4' * 64}"})
    second = make_run("second", weights_sha256={"net": "2" * 64, "same": f"{'3' * 64}+{'4' * 64}"})
    words = "weights measured, by the first digits of their SHA-256: net"
    notes = comparison_table([first, second]).notes
    assert f"{first}: {words} 11111111, same 33333333+44444444" in notes
    assert f"{second}: {words} 22222222, same 33333333+44444444" in notes
    assert f"{words} 11111111, same 33333333+44444444" in comparison_table([first]).notes
