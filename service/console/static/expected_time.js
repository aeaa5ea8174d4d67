/** How long a training takes: what was measured of earlier ones like it on this service. */

import { duration } from "./format.js";

/**
 * Say how long a training takes.
 * @param {Array<Object>} trainings Jobs that succeeded, newest first.
 * @param {{family: string, preset: string, imageSize: number}} asked
 * @param {{seconds?: number, images?: number}} budget
 */
export function expectedTime(trainings, asked, budget) {
  const like = trainings.filter((job) => job.request.family === asked.family && job.request.preset === asked.preset && job.request.image_size === asked.imageSize);
  if (asked.family === "ppca") return like.length ? `about ${duration(wall(like[0]))}, as the last one` : "some seconds: it is fitted in closed form";
  if (budget.seconds) {
    const beyond = like.map((job) => job.request.budget.seconds && wall(job) - job.request.budget.seconds).find((each) => each > 0);
    return beyond ? `about ${duration(budget.seconds + beyond)}: the budget, and ${duration(beyond)} as the last one took beside it`
      : `${duration(budget.seconds)}, and the audit and samples at its end`;
  }
  const rate = like.map((job) => job.request.budget.images && wall(job) / job.request.budget.images).find(Boolean);
  return rate ? `about ${duration(rate * budget.images)}, at the speed of the last one` : "measured in the first seconds of the job: none like it was trained here yet";
}

const wall = (job) => (new Date(job.finished_at) - new Date(job.started_at)) / 1000;
