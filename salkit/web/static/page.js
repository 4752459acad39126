// The page: what is made with what, what is shown of the chosen file, and its regions.

import {Chart, make} from './chart.js';
import {Files, percent, say} from './files.js';
import {Player} from './player.js';
import {Regions, colorOf} from './regions.js';
import {ask, send, setup} from './server.js';

const at = id => document.getElementById(id);
const COLORS = ['var(--accent)', 'var(--second)'];

// The file that is shown, and its result.
let chosen = null;

const seconds = time => `${time.toFixed(2)} s`;
const labelOf = source => source === setup.gaze ? 'Recorded gaze' : source;

function wish() {
  const beside = at('beside').value;
  return {sources: [at('model').value, ...beside ? [beside] : []], colors: at('colors').value,
    alpha: Number(at('alpha').value), normalize: at('normalize').value};
}

// What is shown -----------------------------------------------------------------------------------

/** Whether there is something to show; examples and settings make room for it. */
function fill(isFull) {
  document.body.classList.toggle('is-empty', !isFull);
  at('stage').hidden = at('skip').hidden = !isFull;
  at('more').open = !isFull;
  at('settings').open = isFull && matchMedia('(min-width: 901px)').matches;
  player.pause();
}

let shown = null;

function showStage(file) {
  chosen = file;
  const {name, state, why, size, is_picture: isPicture} = chosen;
  at('stage-title').textContent = at('stage-title').title = name;
  at('about').textContent = !size ? '' : `${size[0]} × ${size[1]} pixels`
    + (isPicture ? '' : `, ${chosen.frames} frames, ${chosen.seconds.toFixed(1)} s`);
  at('trouble').hidden = !['failed', 'stopped'].includes(state);
  at('why').textContent = state === 'failed' ? why : 'Stopped.';
  at('again').hidden = !chosen.key;
  const result = state === 'failed' ? null : chosen.result;
  at('result').hidden = !result;
  if (result && shown !== result) showResult();
  if (!result) {
    shown = null;
    player.pause();
  }
}

function showResult() {
  const isOther = shown === null || !at('panels').dataset.key || at('panels').dataset.key !== chosen.key;
  const {result, size, is_picture: isPicture} = chosen;
  shown = result;
  at('panels').dataset.key = chosen.key;
  at('panels').classList.toggle('two', result.length > 1);
  at('moments').hidden = result[0].times.length < 2;
  if (isOther) chooseCurves();
  at('panels').replaceChildren(...result.map(panel));
  regions.take(chosen.regions, [...at('panels').querySelectorAll('svg')], size);
  regions.allow(at('draw').getAttribute('aria-pressed') === 'true');
  const index = isOther ? result[0].best : Math.min(player.index, result[0].times.length - 1);
  player.take([...at('panels').querySelectorAll('video')], result[0].times, index);
  at('note').textContent = chosen.note;
  at('note').hidden = !chosen.note;
  showScale();
  showDownloads();
  showCurves();
  showRegions();
  if (chosen.measured !== chosen.revision) measure();
}

function panel(view) {
  const kind = document.querySelector('[name=kind]:checked').value, label = labelOf(view.source);
  const url = view[kind], text = `${kind === 'map' ? 'Saliency map' : 'Overlay'} by ${label}. ${view.words}`;
  const media = chosen.is_picture ? make('img', {src: url, alt: text})
    : make('video', {src: url, 'aria-label': text, playsinline: '', preload: 'auto'});
  media.addEventListener('error', () => {
    if (!media.isConnected) return;
    at('note').textContent = 'This browser cannot show a result: download it, or reload the page and add the file again.';
    at('note').hidden = false;
  });
  // The right shape before it is loaded.
  const frame = make('div', {class: 'frame'}, media, make('svg', {'aria-hidden': true}));
  frame.style.setProperty('--ratio', chosen.ratio);
  return make('figure', {class: 'card'}, make('figcaption', {}, make('strong', {}, label)),
    frame, make('p', {class: 'words'}, view.words));
}

function showScale() {
  const ramps = {turbo: '#30123b, #4686fb, #1ae4b6, #a4fc3c, #fb7e21, #7a0403',
    inferno: '#000004, #57106e, #bc3754, #f98e09, #fcffa4', magma: '#000004, #51127c, #b73779, #fc8961, #fcfdbf',
    viridis: '#440154, #31688e, #35b779, #fde725', hot: '#0b0000, #ff0000, #ffff00, #ffffff'};
  at('scale').style.background = `linear-gradient(to right, ${ramps[at('colors').value]})`;
}

function showDownloads() {
  const {key} = chosen;
  at('downloads').replaceChildren(...chosen.result.map(view => {
    const label = labelOf(view.source);
    const link = (kind, text) => make('a', {href: view[kind], download: '', 'aria-label': `${text}, ${label}`}, text);
    const text = 'All maps as numbers (.npz)';
    const save = make('button', {type: 'button', 'aria-label': `${text}, ${label}`}, text);
    save.addEventListener('click', async () => {
      save.disabled = true;
      say('Writing the maps');
      const told = await ask('save', {key, source: view.source, turn: ++files.turn});
      save.disabled = false;
      say(told.error ?? 'The maps are written.');
      if (told.error) save.after(make('span', {class: 'state failed'}, told.error));
      if (told.url) make('a', {href: told.url, download: told.name}).click();
    });
    return make('li', {}, make('span', {class: 'source'}, label), link('overlay', 'Overlay'), link('map', 'Map'), save);
  }));
}

// The moment, and curves --------------------------------------------------------------------------

function curvesOf() {
  const {result, regions: all} = chosen;
  if (document.querySelector('[name=curves]:checked').value === 'gathered') {
    return [false, result.map((view, number) => ({name: labelOf(view.source), color: COLORS[number],
      dashed: number > 0, values: view.entropy}))];
  }
  const curves = result.flatMap((view, number) => all.map(region => ({
    name: result.length > 1 ? `${region.name}, ${labelOf(view.source)}` : region.name,
    color: colorOf(region.number - 1), dashed: number > 0,
    values: region.found?.[view.source]?.shares ?? [],
  })));
  return [true, curves];
}

function chooseCurves() {
  document.querySelector(`[name=curves][value=${chosen.regions.length ? 'regions' : 'gathered'}]`).checked = true;
}

function showCurves() {
  if (!chosen?.result) return;
  const [isShare, curves] = curvesOf();
  at('curves-note').textContent = isShare
    ? chosen.regions.length ? 'The share of all attention in a frame that lies inside of each region.'
      : 'There are no regions yet.'
    : 'Entropy of each map in bits. Low: attention is together in few places. It grows with the number of pixels.';
  at('legend').replaceChildren(...curves.map(curve => {
    const swatch = make('span', {class: curve.dashed ? 'line dashed' : 'line'});
    swatch.style.borderColor = curve.color;
    return make('li', {}, swatch, `${curve.name} `, make('b', {}));
  }));
  chart.show(chosen.result[0].times, curves, isShare);
  showMoment(player.index);
}

function showMoment(index) {
  if (!chosen?.result || chosen.is_picture) return;
  const {times} = chosen.result[0];
  chart.point(index);
  at('now').textContent = `Frame ${index + 1} of ${times.length}, ${seconds(times[index])}`;
  at('play').textContent = player.isPlaying ? 'Pause' : 'Play';
  const said = chart.curves.map(({values}) => values[index] === undefined ? ''
    : chart.percent ? percent(values[index]) : values[index] === null ? 'no gaze' : `${values[index].toFixed(2)} bits`);
  [...at('legend').querySelectorAll('b')].forEach((value, number) => { value.textContent = said[number]; });
  at('chart').setAttribute('aria-valuenow', index + 1);
  at('chart').setAttribute('aria-valuetext', [at('now').textContent,
    ...chart.curves.map((curve, number) => `${curve.name} ${said[number]}`)].join(', '));
}

// Regions -----------------------------------------------------------------------------------------

const HINT = `Draw a rectangle on the frame, or add one and type where it is, in pixels of the video.
  You then see which share of the attention it gets.`;
const MOVE = 'Drag a region by its line to move it, by a corner to size it.';
let timer = null, isMeasuring = false, isStale = false;

function changed(isMeasured) {
  if (!isMeasured) {
    chosen.revision += 1;
    clearTimeout(timer);
    timer = setTimeout(measure, 300);
  }
  showRegions();
  chooseCurves();
  showCurves();
}

async function measure() {
  if (isMeasuring) {
    isStale = true;
    return;
  }
  const file = chosen;
  if (!file?.regions.length || !file.result) return;
  isMeasuring = true;
  const {revision} = file, all = [...file.regions];
  const told = await ask('regions', {key: file.key, sources: file.result.map(view => view.source),
    // Names are nothing to the server.
    regions: all.map(({number, x, y, w, h}) => ({name: `Region ${number}`, x, y, w, h})), turn: ++files.turn});
  isMeasuring = false;
  const trouble = told.stopped ? 'Stopped.' : told.error;
  if (!trouble) {
    file.measured = revision;
    all.forEach((region, place) => {
      region.found = Object.fromEntries(Object.entries(told).map(([source, found]) => [source, found[place]]));
    });
  }
  if (file === chosen && file.result) {
    showRegions(trouble);
    showCurves();
    say(trouble ?? (at('order').textContent || file.regions[0]?.said.textContent || ''));
  }
  if (isStale) {
    isStale = false;
    measure();
  }
}

function showRegions(trouble) {
  const {regions: all, result} = chosen;
  at('regions-note').textContent = regions.isFull ? 'There are as many regions as a file may have.' : all.length ? MOVE : HINT;
  at('add-region').disabled = regions.isFull;
  showOrder();
  at('csv').disabled = chosen.measured !== chosen.revision || !all.length;
  all.forEach(region => {
    const texts = result.map(({source}) => {
      const one = region.found?.[source];
      if (!one || one.share === null) return '';
      const first = one.first_peak_s === null || chosen.is_picture ? ''
        : `, first peak at ${seconds(one.first_peak_s)}`;
      return `${result.length > 1 ? `${labelOf(source)}: ` : ''}${percent(one.share)} of the attention, `
        + `${one.times_more.toFixed(1)} times its area${first}`;
    });
    region.said.textContent = trouble ?? (texts.filter(Boolean).join('\n') || (region.found ? 'There is no gaze.' : 'Measuring'));
  });
}

/** Which region gets most, and which stands out first, by each source. */
function showOrder() {
  const {regions: all, result} = chosen;
  const texts = all.length < 2 ? [] : result.map(({source}) => {
    const found = all.map(({name, found: of}) => ({name, ...of?.[source]})).filter(one => one.share > 0);
    const listed = (by, text) => found.filter(one => one[by] !== null).sort((one, other) => one[by] - other[by])
      .slice(0, 3).map(one => `${one.name} (${text(one[by], one)})`).join(', then ');
    const most = listed('rank', (_, one) => percent(one.share)), first = listed('first_peak_s', seconds);
    return !most ? '' : `${result.length > 1 ? `${labelOf(source)}: most` : 'Most'} attention: ${most}.`
      + (first && !chosen.is_picture ? ` Stands out first: ${first}.` : '');
  });
  at('order').textContent = texts.filter(Boolean).join('\n');
  at('order').hidden = !at('order').textContent;
}

function saveShares() {
  const quoted = text => `"${String(text).replaceAll('"', '""')}"`;
  const rows = ['time_s,source,region,share'];
  for (const {source, times} of chosen.result) {
    chosen.regions.forEach(region => {
      (region.found[source]?.shares ?? []).forEach((share, index) => {
        rows.push([times[index], quoted(labelOf(source)), quoted(region.name), share ?? ''].join(','));
      });
    });
  }
  const url = URL.createObjectURL(new Blob([`${rows.join('\n')}\n`], {type: 'text/csv'}));
  make('a', {href: url, download: `${chosen.name.replace(/\.[^.]*$/, '')}_regions.csv`}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// The parts of the page ---------------------------------------------------------------------------

const player = new Player(showMoment);
const files = new Files({wish, onShow: showStage, onFill: fill});
// The pointer may pass on its way while a video plays.
const chart = new Chart(at('chart'), (index, isPassing) => { if (!isPassing || !player.isPlaying) player.show(index); });
const regions = new Regions(at('regions'), changed);

const option = (value, text = value) => make('option', {value}, text);
const models = setup.models.map(model => model.name);
at('model').append(...models.map(name => option(name)));
at('beside').append(option('', 'nothing'), ...models.slice(models.length > 1 ? 0 : 1).map(name => option(name)));
if (models.length > 1) at('beside').value = models[1];
at('colors').append(...setup.colors.map(name => option(name)));
at('drop-limits').textContent = `At most ${setup.limits.megabytes} MB and ${setup.limits.seconds} s each, ${setup.limits.files} files`;
at('files').accept = setup.suffixes.join(',');
setup.examples.forEach((title, number) => {
  const button = make('button', {type: 'button'}, make('img', {src: `/examples/${number}`, alt: '', width: 144, height: 81}),
    make('span', {}, title));
  button.addEventListener('click', () => files.addExample(number));
  at('examples').append(make('li', {}, button));
});

at('files').addEventListener('change', event => {
  files.addAll(event.target.files);
  event.target.value = '';
});
for (const kind of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(kind, event => {
    event.preventDefault();
    at('drop').classList.toggle('over', kind === 'dragover');
    if (kind === 'drop') files.addAll(event.dataTransfer.files);
  });
}
for (const id of ['model', 'beside', 'colors', 'alpha', 'normalize']) {
  at(id).addEventListener('change', () => files.chosen && files.choose(files.chosen));
}
at('gaze').addEventListener('change', async event => {
  const [file] = event.target.files;
  event.target.value = '';
  if (!file) return;
  const sent = await send(file), told = sent.error ? sent : await ask('take_gaze', {upload: sent.upload});
  at('gaze-note').textContent = told.error ?? `${file.name}: gaze on ${told.videos}`;
  say(at('gaze-note').textContent);
  if (told.error) return;
  if (!at('beside').querySelector(`[value=${setup.gaze}]`)) at('beside').append(option(setup.gaze, 'recorded gaze'));
  at('beside').value = setup.gaze;
  files.all.forEach(one => { one.made = null; });
  if (files.chosen) files.choose(files.chosen);
});
at('play').addEventListener('click', () => player.isPlaying ? player.pause() : player.play());
at('add-region').addEventListener('click', () => regions.add({}));
at('csv').addEventListener('click', saveShares);
at('draw').addEventListener('click', () => {
  const isDrawing = at('draw').getAttribute('aria-pressed') !== 'true';
  at('draw').setAttribute('aria-pressed', isDrawing);
  regions.allow(isDrawing);
});
if (matchMedia('(pointer: coarse)').matches) at('draw').click();
at('kind').addEventListener('change', () => { if (chosen) { shown = undefined; showStage(chosen); } });
at('curves').addEventListener('change', showCurves);
