from __future__ import annotations

import json
from pathlib import Path

from benchmarks.training_memory import main


def test_memory_and_rates_of_a_training_are_measured(tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    small = ["--preset", "tiny", "--images", "16", "--to-see", "32", "--image-size", "128"]
    main([*small, "--family", "vae", "--output", str(output)])
    [found] = json.loads(output.read_text(encoding="utf-8"))["trainings"]
    assert (found["family"], found["image_size"]) == ("vae", 128)
    assert found["peak_memory_mib"] > 50
    assert found["images_per_second"]["autoencoder"] > 0
