"""Records from green threads into the directory that the command line names."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import threading  # noqa: E402

import gevent  # noqa: E402

import ictus  # noqa: E402

work = ictus.Registry(sys.argv[1]).timer("work_seconds")


def task() -> None:
    """Makes fifty measurements that yield to other green threads."""
    for _ in range(50):
        with work.time():
            gevent.sleep(0)


gevent.joinall([gevent.spawn(task) for _ in range(99)], raise_error=True)
thread = threading.Thread(target=task)
thread.start()
thread.join()
