"""The process that containers are forked from; a program of its own, standard library only.

    python -u FOLDER CONTROL_FD IMAGE_FOLDER [MODULE ...]

where FOLDER is this one. It imports the modules (a *warm* host; a cold one has none), then forks
one keeper for each container that the emulator asks for. A keeper forks the container, which enters
its own session and mount namespace and runs a Python script in place, with the imports done, or
replaces itself with the command.

Over the control socket the emulator sends one byte with two descriptors: the container's channel
and its output. `channel` has what goes over the channel. When the channel closes, the emulator has
ended: the container is killed. When the control socket closes, or the host is killed, all
containers of the host are killed.

All that a container starts stays below its keeper, which adopts orphans (`prctl(2)`,
PR_SET_CHILD_SUBREAPER): when a container ends, the keeper kills whatever is below it.

It imports no package of the emulator, and forgets its own modules once they are imported, so that a
job that runs inside it finds none of them, and its own where they have the same names.
"""
