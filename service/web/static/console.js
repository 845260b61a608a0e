// What the pages do beyond htmx. The policy allows no inline scripts: everything hangs on data-*.
"use strict";

const csrf = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];

// --- anywhere -------------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const text = copy.closest("details").querySelector("pre").textContent;
    try { await navigator.clipboard.writeText(text); } catch { select(copy.closest("details").querySelector("pre")); }
  }
  const seek = event.target.closest("[data-seek]");
  if (seek) {
    event.preventDefault();
    const player = seek.closest(".card").querySelector("video, audio");
    if (player) player.currentTime = Number(seek.dataset.seek);
  }
});

function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

// A part that was to come after the page and did not: no promise may stand there for ever.
document.addEventListener("htmx:afterRequest", (event) => {
  const coming = event.detail.xhr.status !== 200 && event.detail.elt.querySelector("[data-coming]");
  if (coming) coming.textContent = coming.dataset.coming;
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-heat-slider]")) heat(event.target);
});

function heat(slider) {
  const image = slider.closest(".card").querySelector("[data-heat]");
  image.style.opacity = slider.value / 100;
}

function enliven(part) {
  part.querySelectorAll("[data-heat-slider]").forEach(heat);
}

// --- Try ------------------------------------------------------------------------------------

const form = document.querySelector("[data-try]");
if (form) {
  const answers = document.getElementById("answers");
  const bar = document.querySelector("[data-progress]");
  const queue = [];
  let busy = false, done = 0, all = 0;

  const add = (media, name) => {
    answers.querySelector("[data-empty]")?.remove();
    const row = document.createElement("details");
    row.className = "card";
    row.append(Object.assign(document.createElement("summary"), {textContent: `${name} ${form.dataset.waiting} …`}));
    answers.prepend(row);
    queue.push({media, name, row});
    all += 1;
    next();
  };

  async function next() {
    bar.hidden = false;
    bar.max = all;
    bar.value = done;
    if (busy || !queue.length) return;
    busy = true;
    const one = queue.shift();
    await send(one);
    busy = false;
    done += 1;
    next();
  }

  async function send({media, name, row}) {
    const body = new FormData();
    if (typeof media === "string") body.set("url", media); else body.set("media", media, name);
    try {
      const answer = await fetch(form.action, {method: "POST", body, headers: {"X-CSRF-Token": csrf(), "HX-Request": "true"}});
      const away = answer.headers.get("HX-Redirect");
      if (away) { location.href = away; return; }
      row.innerHTML = await answer.text();
    } catch {
      row.textContent = `${name}: ${form.dataset.failed}`;
      return;
    }
    if (!row.previousElementSibling) row.open = true;
    enliven(row);
    play(row.querySelector("[data-player]"), media);
  }

  function play(place, media) {
    if (!place || typeof media === "string") return;
    const player = document.createElement(place.dataset.player);
    player.controls = true;
    player.src = URL.createObjectURL(media);
    place.append(player);
  }

  const files = (list) => [...list].forEach((file) => add(file, file.name || "picture.png"));
  const picker = form.querySelector("[type=file]");
  picker.addEventListener("change", () => { files(picker.files); picker.value = ""; });
  form.querySelector("[data-choose]").addEventListener("click", () => picker.click());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const url = form.querySelector("[data-url]");
    if (url.value) { add(url.value, url.value); url.value = ""; }
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) files(event.clipboardData.files);
  });
  const drop = form.querySelector("[data-drop]");
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    files(event.dataTransfer.files);
  });

  // The webcam: one picture, taken where the person says so.
  const webcam = form.querySelector("[data-webcam]"), video = form.querySelector("[data-video]");
  const shoot = form.querySelector("[data-shoot]");
  const close = () => {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    webcam.hidden = true;
    shoot.disabled = true;
  };
  video.addEventListener("loadeddata", () => { shoot.disabled = false; });
  form.querySelector("[data-camera]").addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: "user"}});
      webcam.hidden = false;
    } catch {
      const note = Object.assign(document.createElement("p"), {className: "note bad", textContent: form.dataset.noCamera});
      document.getElementById("notice").replaceChildren(note);
    }
  });
  form.querySelector("[data-stop]").addEventListener("click", close);
  shoot.addEventListener("click", () => {
    const canvas = Object.assign(document.createElement("canvas"), {width: video.videoWidth, height: video.videoHeight});
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => add(blob, "webcam.jpg"), "image/jpeg", 0.95);
    close();
  });
}

// --- keys -----------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, textarea, select")) return;
  const button = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (button) { event.preventDefault(); button.click(); }
});

// --- what cannot be undone is asked for once more ---------------------------------------------

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// --- operating point: the slider chooses a row --------------------------------------------------

const slider = document.querySelector("[data-point-slider]");
if (slider) {
  const rows = [...document.querySelectorAll("[data-point] [type=radio]")];
  slider.addEventListener("input", () => { rows[Number(slider.value)].checked = true; });
  rows.forEach((row, n) => row.addEventListener("change", () => { slider.value = n; }));
}
