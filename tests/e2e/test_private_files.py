"""Started under any umask, all parts of the service write for its own user alone."""

import os
import stat
from contextlib import suppress


def test_everything_that_a_job_leaves_is_private(start_service, tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("private")
    for ours in ("keys/split.key", "up.log"):  # of the test, not of the service
        path = data_dir / ours
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
    before = os.umask(0)
    try:
        with start_service(data_dir) as service:
            dataset_id = service.phantoms(normal=40, effusion=40)
            service.trained(dataset_id, images=64)
            modes = {}
            for path in [data_dir, *data_dir.rglob("*")]:
                with suppress(FileNotFoundError):  # removed since: a checkpoint of what is done
                    modes[str(path)] = stat.S_IMODE(path.lstat().st_mode)
    finally:
        os.umask(before)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert any(name.endswith("broker.sock") for name in modes)
    assert any("artifacts/models" in name for name in modes)
