"""Jobs that read from or send to a DICOMweb server, and what they leave."""

import zipfile

from models.training.checkpoints import file_digest
from release.gate.verdict import Verdict
from service.domain.identifiers import new_id
from service.domain.job import JobKind
from service.domain.records import ArtifactRef, GeneratedSet, SyntheticSet
from service.domain.requests import PushRequest
from tests.fake_pacs import radiograph
from tests.integration.jobs import files_under, finished, submit, submit_ingest
from tests.sample_records import generate_request

COUNTS = {"normal": 24, "effusion": 16}
QUERIES = [
    {"label": label, "modality": ["DX"], "attributes": {"StudyDescription": f"*{label.upper()}"}}
    for label in COUNTS
]
FILES = {f"dicom/normal/{index:06}.dcm": radiograph(100 + index) for index in range(60)}


def ask(context, queries=QUERIES, server="pacs", max_instances=1000):
    source = {"server": server, "queries": queries, "max_instances": max_instances}
    return submit_ingest(context, {"dicomweb": source})


def left_of(context, job_id):
    folder = context.artifacts.path(f"checkpoints/{job_id}")
    return files_under(folder) if folder.exists() else []


PASSED = Verdict("passed")


def a_set(context, verdict=PASSED, files=FILES):
    folder = f"synthetic-sets/{new_id('syn')}"
    staged = context.artifacts.staging(new_id("job"))
    with zipfile.ZipFile(staged / "set.zip", "w") as archive:
        archive.writestr("manifest.json", b"{}")
        for name, content in files.items():
            archive.writestr(name, content)
    for name in ("manifest.json", "report.html", "findings.json"):
        (staged / name).write_bytes(b"{}")
    digests = {path.name: file_digest(path) for path in staged.iterdir()}
    context.artifacts.publish(staged, folder)
    manifest, report, findings, content = (
        ArtifactRef(f"{folder}/{name}", digests[name], 1)
        for name in ("manifest.json", "report.html", "findings.json", "set.zip")
    )
    job_id = submit(context, JobKind.GENERATE, generate_request())
    claimed = context.records.jobs.claim(job_id, worker="w", lease_seconds=30)
    made = SyntheticSet(
        new_id("syn"),
        "mdl_1",
        job_id,
        len(files),
        {"normal": len(files)},
        content,
        manifest,
        context.clock.now(),
        "ds_1",
        verdict,
        report,
        findings,
    )
    context.records.jobs.succeed(claimed.claim_held, GeneratedSet(made))
    return made


def pushed(context, made, server="pacs"):
    request = PushRequest(made.id, made.model_id, made.dataset_id, server)
    return finished(context, submit(context, JobKind.PUSH, request))
