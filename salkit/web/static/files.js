// The files of the page: their list, and the work on them, one at a time.

import {make} from './chart.js';
import {ask, send, setup} from './server.js';

const at = id => document.getElementById(id);
const STATES = {uploading: 'uploading', waiting: 'waiting', work: 'at work', done: 'done',
  failed: 'failed', stopped: 'stopped'};

export const percent = share => share === null ? 'none' : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
/** Tell those who do not see the page. */
export const say = text => { at('status').textContent = text; };

/**
 * Each file has a name, a state, its key once the server has it, why it failed, its result and what that was
 * made with, its regions, and the revisions of what can be measured and of what was.
 */
export class Files {
  /**
   * `wish()` gives what a result is to be made with; `onShow(file)` is called when what is to be seen of the chosen
   * one changed, `onFill(isFull)` with the first file and after the last.
   */
  constructor({wish, onShow, onFill}) {
    Object.assign(this, {wish, onShow, onFill, all: [], chosen: null, atWork: null, turn: 0});
    at('stop').addEventListener('click', () => this.stop());
    at('again').addEventListener('click', () => {
      this.chosen.state = 'waiting';
      this.show();
      this.work();
    });
  }

  async addAll(list) {
    const added = [...list].map(file => [file, this.begin(file.name)]);
    for (const [file, one] of added) {
      const sent = await send(file);
      await this.took(one, sent.error ? sent : await ask('take', {upload: sent.upload}));
    }
  }

  async addExample(number) {
    const one = this.begin(setup.examples[number]);
    // Its button may be gone from sight.
    this.focus(one);
    await this.took(one, await ask('example', {number}));
  }

  begin(name) {
    const one = {name, state: 'uploading', regions: [], revision: 0, measured: -1};
    this.all.push(one);
    one.row = this.row(one);
    at('items').append(one.row);
    if (this.all.length === 1) this.onFill(true);
    this.choose(this.chosen ?? one);
    return one;
  }

  async took(one, told) {
    if (!this.all.includes(one)) {
      if (told.key) ask('remove', {key: told.key});
      return;
    }
    if (told.error) {
      Object.assign(one, {state: 'failed', why: told.error});
      say(`${one.name} failed: ${told.error}`);
    } else {
      Object.assign(one, told, {state: 'waiting'});
    }
    this.show();
    this.work();
  }

  remove(one) {
    if (one === this.atWork) ask('stop', {turn: this.turn});
    if (one.key) ask('remove', {key: one.key});
    const place = this.all.indexOf(one);
    this.all.splice(place, 1);
    one.row.remove();
    const next = this.all[place] ?? this.all[place - 1] ?? null;
    if (one === this.chosen) {
      this.chosen = null;
      if (next) this.choose(next);
    }
    this.show();
    if (next) {
      this.focus(next);
    } else {
      this.onFill(false);
      at('files').focus();
    }
  }

  /** Show a file; a result that was made with something else is made anew. */
  choose(one) {
    this.chosen = one;
    if (one.state === 'done' && one.made !== JSON.stringify(this.wish())) one.state = 'waiting';
    this.show();
    this.work();
  }

  /** Work on the next file: the chosen one first. */
  async work() {
    const next = [this.chosen, ...this.all].find(one => one?.state === 'waiting');
    if (this.atWork || !next) return;
    this.atWork = next;
    const asked = this.wish(), made = JSON.stringify(asked);
    Object.assign(next, {state: 'work', share: null, text: 'Waiting for the model'});
    this.show();
    const told = await ask('look', {...asked, key: next.key, turn: ++this.turn}, (share, text) => {
      if (next.state !== 'work') return;
      Object.assign(next, {share, text});
      if (next === this.chosen) this.showWork();
      this.showRow(next);
    });
    this.atWork = null;
    // Else it was stopped, or removed.
    if (next.state === 'work') this.worked(next, told, made);
    this.work();
  }

  worked(one, told, made) {
    if (told.error) Object.assign(one, {state: 'failed', why: told.error});
    else if (told.stopped) one.state = 'stopped';
    else Object.assign(one, {state: 'done', result: told.sources, note: told.note, made, revision: one.revision + 1});
    say(told.error ? `${one.name} failed: ${told.error}` : `${one.name} is ${STATES[one.state]}.`);
    // Something else may have been chosen while it ran.
    if (one === this.chosen && one.state === 'done' && made !== JSON.stringify(this.wish())) one.state = 'waiting';
    this.show();
  }

  stop() {
    ask('stop', {turn: this.turn});
    // Of a result that is made anew, the server may have removed a part.
    if (this.atWork) this.atWork.result = null;
    for (const one of this.all) if (['work', 'waiting'].includes(one.state)) one.state = 'stopped';
    say('Stopped.');
    this.show();
  }

  show() {
    at('stop').disabled = !this.all.some(one => ['work', 'waiting'].includes(one.state));
    this.all.forEach(one => this.showRow(one));
    this.showWork();
    if (this.chosen) this.onShow(this.chosen);
  }

  row(one) {
    const item = make('button', {type: 'button', class: 'item'}, make('span', {class: 'name'}), make('span', {class: 'state'}));
    item.addEventListener('click', () => this.choose(one));
    const away = make('button', {type: 'button', class: 'away'}, '×');
    away.addEventListener('click', () => this.remove(one));
    return make('li', {}, item, away);
  }

  /** Bring a row up to date; it stays, so that no click on it is lost. */
  showRow(one) {
    const [item, away] = one.row.children, [name, state] = item.children;
    name.textContent = one.name;
    state.textContent = stateOf(one);
    state.className = `state ${one.state}`;
    item.setAttribute('aria-current', one === this.chosen);
    away.setAttribute('aria-label', `Remove ${one.name}`);
  }

  focus(one) { one.row.querySelector('.item').focus(); }

  showWork() {
    const {chosen} = this;
    at('work').hidden = !['uploading', 'waiting', 'work'].includes(chosen?.state);
    if (at('work').hidden) return;
    at('work-text').textContent = chosen.state === 'work' ? chosen.text
      : chosen.state === 'waiting' ? 'Waiting for its turn' : 'Uploading';
    if (chosen.state === 'work' && chosen.share !== null) at('progress').value = chosen.share;
    else at('progress').removeAttribute('value');
  }
}

const stateOf = one => one.state === 'failed' ? `failed: ${one.why}`
  : one.state === 'work' && one.share ? `${STATES.work}, ${percent(one.share)}` : STATES[one.state];
