"""From a file to the network's input, and from its device to the disk, so that the device never waits.

`preparation` makes of each image what `views` of it the network is shown, in loader workers; `batches` groups
images of one shape; `inputs` puts them before the network; `transfer` moves numbers to the device and back;
`writer` does what is left to do with them in the background.
"""
