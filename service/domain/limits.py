"""What the service takes and examines where its settings say nothing else."""

MAX_IMAGES_PER_SET = 50_000
MAX_JSON_BYTES = 2**20  # of a body
MAX_EXAMINATIONS_PER_MODEL = 50  # sets of one model that are examined
MAX_FINDINGS_PER_MODEL = 10  # sets of one model whose findings may be read
MAX_PREVIEWS_PER_MODEL = 100  # whose images nobody examines
UPLOAD_RETENTION_SECONDS = 86_400.0  # of the archive of a failed or cancelled ingest
