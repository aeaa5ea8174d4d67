"""Made-up identifiers that the examples in openapi.yaml share."""

import json

JOB_ID = "job_01m7yh2behea98qt28czyqp2cc"
DATASET_ID = "ds_01m7yh2behea98qt28czyqp2cd"
MODEL_ID = "mdl_01m7yh2behea98qt28czyqp2ce"
SET_ID = "syn_5vkm1j8z0q6w3c9t2n4r7b1x0f"
KEY_ID = "key_01m7yh2behea98qt28czyqp2cg"
MOMENT = "2026-01-31T09:30:00Z"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PROBLEM = {
    "type": "/problems/unknown_class",
    "title": "Unknown class",
    "status": 422,
    "detail": "The model has not learned every class asked for.",
    "code": "unknown_class",
    "retryable": False,
    "request_id": "6b1f0c52a7d94e3f",
    "errors": [{"pointer": "/class_counts/covid", "detail": "No such class."}],
}
WORKER = {
    "name": "host-1:worker-1:4711",
    "host": "host-1",
    "pid": 4711,
    "queues": ["gpu.train"],
    "device": "cuda",
    "version": "0.1.0",
    "state": "busy",
    "job_id": JOB_ID,
    "started_at": MOMENT,
    "last_seen": MOMENT,
    "silent_seconds": 1.5,
    "clock_ahead_seconds": 0.01,
}
JOB = {
    "id": JOB_ID,
    "kind": "train",
    "state": "running",
    "done": False,
    "created_at": MOMENT,
    "started_at": MOMENT,
    "finished_at": None,
    "attempt": 1,
    "queue_position": None,
    "progress": {
        "phase": "training",
        "images_seen": 12800,
        "total_images": 50000,
        "fraction": 0.256,
        "images_per_second": 231.0,
        "eta_seconds": 161.0,
        "expected_seconds": 221.0,
        "plan": [
            {"stage": "training", "images": 50000, "images_per_second": 231.0, "seconds": 219.5}
        ],
    },
    "metrics": {"loss": 0.21},
    "request": {
        "dataset_id": DATASET_ID,
        "family": "ldm",
        "image_size": 64,
        "preset": "standard",
        "config": {"patch_size": 4},
        "budget": {"images": 50000},
        "seed": 1,
        "num_devices": 1,
    },
    "result": None,
    "error": None,
    "labels": {},
    "links": {
        "self": f"/jobs/{JOB_ID}",
        "events": f"/jobs/{JOB_ID}/events",
        "cancel": f"/jobs/{JOB_ID}/cancel",
    },
}
DATASET = {
    "id": DATASET_ID,
    "name": "phantoms",
    "state": "ready",
    "source": {
        "phantom": {
            "class_counts": {"normal": 200, "effusion": 120},
            "image_size": 64,
            "seed": 7,
        }
    },
    "created_at": MOMENT,
    "job_id": JOB_ID,
    "public": None,
    "classes": {
        "normal": {
            "images": 200,
            "train": None,
            "included": None,
            "holdout": None,
            "test": None,
        }
    },
    "image_size": 64,
    "bit_depth": 8,
    "fingerprint": None,
    "version": SHA256,
    "dropped": [{"file": None, "reason": "The file ends early.", "code": "truncated"}],
    "dropped_counts": {"truncated": 1},
    "warnings": [{"code": "images_left_out", "detail": "Left out: 1 truncated.", "num_images": 1}],
    "summary": {
        "num_exact_duplicates": 0,
        "num_upsampled": 0,
        "num_with_text": 0,
        "has_patient_ids": False,
    },
}
MODEL = {
    "id": MODEL_ID,
    "family": "ldm",
    "dataset_id": DATASET_ID,
    "classes": ["normal", "effusion"],
    "image_size": 64,
    "config": {"patch_size": 4},
    "preset": "standard",
    "images_seen": 50000,
    "snapshot_sha256": SHA256,
    "job_id": JOB_ID,
    "created_at": MOMENT,
    "inherited": [],
    "public_data": [{"licence": "CC0-1.0", "source": "an open archive of radiographs"}],
    "card": {},
}
SYNTHETIC_SET = {
    "id": SET_ID,
    "model_id": MODEL_ID,
    "job_id": JOB_ID,
    "num_images": 200,
    "class_counts": {"normal": 100, "effusion": 90},
    "unlabelled_counts": {"mixture": 10},
    "verdict": {
        "outcome": "passed_filtered",
        "code": None,
        "num_filtered": 2,
        "reasons": ["2 of 202 images lay too near to a real one and were drawn anew."],
        "remedies": [],
        "min_detectable_copy_rate": 0.0087,
    },
    "num_bytes": 412345,
    "sha256": SHA256,
    "created_at": MOMENT,
    "links": {
        "report": f"/synthetic-sets/{SET_ID}/report",
        "download": f"/synthetic-sets/{SET_ID}/download",
    },
}
EVENT = {"sequence": 1, "kind": "state", "at": MOMENT, "data": {"state": "queued", "attempt": 0}}

SIGNING_KEY = {
    "id": "5b0f8c1e" * 8,
    "algorithm": "Ed25519",
    "pem": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA...\n-----END PUBLIC KEY-----\n",
    "current": True,
}
AUDIT = {
    "model_id": MODEL_ID,
    "white_box": {
        "statistic": 0.52,
        "p_value": 0.31,
        "text": "The membership audit of the weights was negative.",
        "passed": True,
        "min_detectable_share": 0.0141,
        "scores": ["class_prior", "discriminator", "generator", "patch_whitening"],
    },
    "weights": {
        "cleared": True,
        "ground": "white_box_audit",
        "text": "The membership audit of the weights was negative. That bounds this attack, "
        "not every attack on weights.",
        "notice": "For whoever holds these weights: not for diagnosis.",
    },
    "sets": [
        {"id": SET_ID, "number": 1, "verdict": SYNTHETIC_SET["verdict"], "created_at": MOMENT},
    ],
}

KEY_SECRET = "synthcxr_" + "0" * 52 + "example"
KEY = {
    "id": KEY_ID,
    "name": "research pipeline",
    "tenant": "default",
    "scopes": ["train", "generate"],
    "created_at": MOMENT,
    "created_by": KEY_ID,
    "shown": "synthcxr_000000",
    "expires_at": None,
    "earlier_expires_at": None,
    "revoked_at": None,
    "last_used_at": MOMENT,
}
ROTATE = {"grace_seconds": 3600}
WEBHOOK_ID = "wh_01m7yh2behea98qt28czyqp2ch"
MESSAGE_ID = "msg_01m7yh2behea98qt28czyqp2cj"
WEBHOOK_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="  # noqa: S105 - made up
WEBHOOK = {
    "id": WEBHOOK_ID,
    "url": "https://pipeline.hospital.test/synthcxr",
    "events": ["job.failed", "set.released"],
    "created_at": MOMENT,
    "created_by": KEY_ID,
    "earlier_expires_at": None,
    "disabled_at": None,
    "disabled_reason": None,
}
WEBHOOK_MESSAGE = {
    "type": "set.released",
    "timestamp": MOMENT,
    "data": {
        "synthetic_set_id": SET_ID,
        "model_id": MODEL_ID,
        "job_id": JOB_ID,
        "outcome": "passed",
        "code": None,
    },
}
WEBHOOK_DELIVERY = {
    "id": MESSAGE_ID,
    "webhook_id": WEBHOOK_ID,
    "type": "set.released",
    "created_at": MOMENT,
    "state": "pending",
    "num_attempts": 1,
    "next_attempt_at": MOMENT,
    "last_attempt_at": MOMENT,
    "last_status": 503,
    "last_error": "status",
    "body": json.dumps(WEBHOOK_MESSAGE, separators=(",", ":")),
}
DELETION_ID = "del_01m7yh2behea98qt28czyqp2cf"
AUDIT_ENTRY = {
    "sequence": 7,
    "at": MOMENT,
    "tenant": "default",
    "actor": "anybody",
    "action": "get_findings",
    "target": SET_ID,
    "outcome": "done",
    "origin": "127.0.0.1",
    "previous": SHA256,
    "digest": SHA256,
}
ENVELOPE = {
    "payloadType": "application/vnd.synthcxr.deletion+json",
    "payload": "e30=",
    "signatures": [{"keyid": SHA256, "sig": "c2lnbmF0dXJl"}],
}
DELETION = {
    "id": DELETION_ID,
    "kind": "model",
    "target": MODEL_ID,
    "cascade": False,
    "requested_by": "anybody",
    "created_at": MOMENT,
    "finished_at": MOMENT,
    "removed": [
        {
            "kind": "model",
            "id": MODEL_ID,
            "sha256": {"weights": SHA256},
            "num_files": 3,
            "num_bytes": 1048576,
        }
    ],
    "kept": [{"kind": "audit_log", "id": MODEL_ID, "why": "Identifiers of what was done."}],
    "receipt": ENVELOPE,
    "links": {"self": f"/deletions/{DELETION_ID}"},
}

SCORES = {
    "model_id": MODEL_ID,
    "kind": "log_likelihood",
    "held_out": {
        "effusion": {"num_images": 83, "median": 1.214},
        "normal": {"num_images": 140, "median": 1.302},
    },
    "images": [
        {
            "file": "effusion/0017.png",
            "label": "effusion",
            "most_likely": "normal",
            "score": 1.198,
            "percentile": 41.57,
            "margin": -0.012,
            "by_class": {
                "effusion": {"score": 1.198, "percentile": 41.57},
                "normal": {"score": 1.21, "percentile": 12.14},
            },
            "problem": None,
        },
        {
            "file": "notes.txt",
            "label": None,
            "most_likely": None,
            "score": None,
            "percentile": None,
            "margin": None,
            "by_class": None,
            "problem": {
                "code": "unsupported_format",
                "detail": "The file is of no format that is read.",
            },
        },
    ],
}
