// Asks the server: through Gradio's queue, whose messages come in one stream of events.

export const setup = JSON.parse(document.getElementById('setup').textContent);

const random = crypto.getRandomValues(new Uint8Array(16));
const session = [...random].map(byte => byte.toString(16).padStart(2, '0')).join('');
// By the number of what was asked: who waits for it; and messages that came before the number did.
const waiting = new Map(), early = new Map();
let stream = null;

const NO_ANSWER = 'The server does not answer. Where it runs, its terminal says why; then reload the page.';

// While it is open, the server keeps what is this page's; one that the browser kept has lost it.
addEventListener('pageshow', event => { if (event.persisted) location.reload(); });
new EventSource(`/gradio_api/heartbeat/${session}`);

function take(message) {
  const id = message.event_id, one = waiting.get(id);
  if (!one) {
    early.set(id, [...(early.get(id) ?? []), message]);
  } else if (message.msg === 'process_completed') {
    waiting.delete(id);
    one.resolve(message.success && message.output.data ? message.output.data[0]
      : {error: 'This failed; the log of the server says why.'});
  } else if (message.msg === 'progress') {
    const [progress] = message.progress_data;
    if (progress) one.update(progress.progress, progress.desc);
  } else if (message.msg === 'estimation' && message.rank > 0) {
    one.update(null, `In the queue: ${message.rank} before this one`);
  }
}

function listen() {
  if (stream || !waiting.size) return;
  stream = new EventSource(`/gradio_api/queue/data?session_hash=${session}`);
  const close = () => { stream.close(); stream = null; };
  stream.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.msg === 'close_stream') {
      close();
      listen();
    } else if (message.event_id) {
      take(message);
    }
  };
  stream.onerror = () => {
    close();
    for (const one of waiting.values()) one.resolve({error: 'The connection to the server was lost: try again, or reload the page.'});
    waiting.clear();
  };
}

/** Ask for something; `update(share, text)` is told how it goes. Never fails: says {error}. */
export async function ask(name, asked = {}, update = () => {}) {
  try {
    const response = await fetch('/gradio_api/queue/join', {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({data: [{turn: 0, ...asked}], fn_index: setup.functions[name], session_hash: session}),
    });
    if (response.status === 503) return {error: 'Too many wait for the model: please try again later.'};
    if (!response.ok) return {error: await response.text()};
    const {event_id: id} = await response.json();
    return new Promise(resolve => {
      waiting.set(id, {resolve, update});
      (early.get(id) ?? []).forEach(take);
      early.delete(id);
      listen();
    });
  } catch {
    return {error: NO_ANSWER};
  }
}

/** Send a file; gives {upload}, its name on the server, or {error}. */
export async function send(file) {
  if (file.size > setup.limits.megabytes * 2 ** 20) {
    return {error: `${file.name} is too large: at most ${setup.limits.megabytes} MB are taken`};
  }
  const body = new FormData();
  body.append('files', file);
  try {
    // A folder, say, or one that was changed meanwhile.
    await file.slice(0, 1).arrayBuffer();
  } catch {
    return {error: `${file.name} cannot be read: expected a file, no folder`};
  }
  try {
    const response = await fetch('/gradio_api/upload', {method: 'POST', body});
    return response.ok ? {upload: await response.json()} : {error: await said(response)};
  } catch {
    return {error: NO_ANSWER};
  }
}

async function said(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).detail;
  } catch {
    return text;
  }
}
