// Takes a picture with a challenge that is asked for at that moment, and shows the answer.
// What it tells of the camera are hints: whoever changes this page can tell anything.
"use strict";

const FRAMES = 60;
const view = document.getElementById("view");
const button = document.getElementById("take");
const arrivals = []; // when the last frames came, in milliseconds
let camera = null;

const say = (sentence) => { document.getElementById("state").textContent = sentence; };

function noteFrame(now) {
  arrivals.push(now);
  if (arrivals.length > FRAMES) arrivals.shift();
  view.requestVideoFrameCallback(noteFrame);
}

async function open() {
  const wanted = { video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } } };
  const stream = await navigator.mediaDevices.getUserMedia(wanted);
  camera = stream.getVideoTracks()[0];
  view.srcObject = stream;
  if (view.requestVideoFrameCallback) view.requestVideoFrameCallback(noteFrame);
  await new Promise((done) => view.addEventListener("playing", done, { once: true }));
  button.disabled = false;
  say("Look into the camera.");
}

function picture() {
  const canvas = document.createElement("canvas");
  canvas.width = view.videoWidth;
  canvas.height = view.videoHeight;
  canvas.getContext("2d").drawImage(view, 0, 0);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
}

function capture() {
  const intervals = arrivals.slice(1).map((at, n) => at - arrivals[n]);
  return JSON.stringify({ device: camera.label.slice(0, 200), intervals_ms: intervals });
}

async function ask(path, headers, body) {
  const answer = await fetch(path, { method: "POST", headers, body });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

async function take() {
  const key = { "X-Hash-Id": document.getElementById("key").value };
  const session = await ask("v1/sessions", key);
  const body = new FormData();
  body.append("image", await picture(), "capture.jpg");
  body.append("capture", capture());
  return ask("v1/analyze", { ...key, "Facegate-Challenge": session.challenge }, body);
}

function show(found) {
  const rows = [["Decision", found.decision], ["Score", String(found.score)]];
  for (const one of found.capture || []) rows.push([one.sign, one.sentence]);
  document.getElementById("answer").replaceChildren(...rows.flatMap(([name, text]) => {
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = name;
    value.textContent = text;
    return [term, value];
  }));
}

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  say("The picture is being judged.");
  document.getElementById("answer").replaceChildren();
  try {
    show(await take());
    say("Done.");
  } catch (error) {
    say(error.message);
  }
  button.disabled = false;
});

open().catch(() => say("The camera cannot be used: allow it, or open this page by https or on localhost."));
