// Upload, train, generate and download by openapi-fetch, typed by what openapi-typescript generates.
// Arguments: the service's address and key, a ZIP to upload, where to save the set.
import { readFile, writeFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Job = components["schemas"]["JobView"];

const [url, key, archive, destination] = process.argv.slice(2) as [string, string, string, string];
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

async function finished(answer: { data?: Job; error?: unknown }): Promise<Job> {
  let job = answer.data;
  while (job && !job.done) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    job = (await client.GET("/jobs/{job_id}", { params: { path: { job_id: job.id } } })).data;
  }
  if (job?.state !== "succeeded") throw new Error(JSON.stringify(answer.error ?? job));
  return job;
}

const form = new FormData();
form.set("file", new Blob([new Uint8Array(await readFile(archive))], { type: "application/zip" }), "images.zip");
form.set("name", "by hand");
form.set("image_size", "64");
let job = await finished(
  await client.POST("/datasets", {
    body: { file: "", name: "by hand", image_size: 64 },
    bodySerializer: () => form,
  }),
);
job = await finished(
  await client.POST("/train", {
    body: { dataset_id: job.result!.dataset_id!, family: "vae", budget: { images: 128 } },
  }),
);
job = await finished(
  await client.POST("/generate", {
    body: { model_id: job.result!.model_id!, class_counts: { normal: 2 } },
  }),
);
const path = { synthetic_set_id: job.result!.synthetic_set_id! };
const set = await client.GET("/synthetic-sets/{synthetic_set_id}/download", {
  params: { path },
  parseAs: "arrayBuffer",
});
await writeFile(destination, Buffer.from(set.data!));
