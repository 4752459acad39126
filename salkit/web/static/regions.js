// Rectangles on the frame: drawn, moved and sized with a pointer, or typed.

import {make} from './chart.js';

const SIDES = {x: 'X', y: 'Y', w: 'Width', h: 'Height'};
// Of the server; what no pointer means, and how near a line it has to be, in pixels of the screen.
const MOST = 20, LEAST = 6, NEAR = {mouse: 6, pen: 8, touch: 16};

/** The color of a region, by its number. */
export const colorOf = number => `var(--region-${number % 6})`;

export class Regions {
  /** Fields are made in `list`; `onChange(isMeasured)` is called when one came, changed or went, or has another name. */
  constructor(list, onChange) {
    Object.assign(this, {list, onChange, regions: [], layers: [], size: [1, 1], isDrawing: true});
  }

  /** Take the regions of a file and the layers over its frames. */
  take(regions, layers, size) {
    Object.assign(this, {regions, layers, size});
    for (const layer of layers) {
      layer.setAttribute('viewBox', `0 0 ${size[0]} ${size[1]}`);
      layer.setAttribute('preserveAspectRatio', 'none');
      layer.addEventListener('pointerdown', event => this.press(layer, event));
      layer.addEventListener('pointermove', event => {
        if (!event.buttons) layer.style.cursor = this.gripAt(this.place(layer, event), layer, event)?.cursor ?? '';
      });
    }
    this.list.replaceChildren(...regions.map(region => this.fields(region)));
    this.draw();
  }

  /** Let pointers draw, or leave them to the page: a finger then scrolls. */
  allow(isDrawing) {
    this.isDrawing = isDrawing;
    this.layers.forEach(layer => layer.classList.toggle('drawing', isDrawing));
  }

  get isFull() { return this.regions.length >= MOST; }

  get nextNumber() { return 1 + Math.max(0, ...this.regions.map(region => region.number)); }

  add(box, focus = true) {
    const [width, height] = this.size, number = this.nextNumber;
    // Several that are added are not over each other.
    const start = (1 + this.regions.length % 6 / 6) / 3;
    const region = {name: `Region ${number}`, number, x: Math.round(width * start), y: Math.round(height * start),
      w: Math.round(width / 3), h: Math.round(height / 3), ...box};
    this.regions.push(region);
    const fields = this.fields(region);
    this.list.append(fields);
    this.draw();
    if (focus) fields.querySelector('input').select();
    this.onChange();
  }

  /** Where a pointer is, in pixels of the frame. */
  place(layer, {clientX, clientY}) {
    const {left, top, width, height} = layer.getBoundingClientRect();
    const inside = (share, most) => Math.max(0, Math.min(most, share * most));
    return [inside((clientX - left) / width, this.size[0]), inside((clientY - top) / height, this.size[1])];
  }

  /** The region whose line is at a place; at a corner, the opposite one too, which stays. */
  gripAt([px, py], layer, {pointerType}) {
    const reach = (NEAR[pointerType] ?? NEAR.mouse) * this.size[0] / layer.getBoundingClientRect().width;
    const isNear = (one, other) => Math.abs(one - other) <= reach;
    for (const region of [...this.regions].reverse()) {
      const {x, y, w, h} = region;
      const isLeft = isNear(px, x), isTop = isNear(py, y);
      const across = isLeft || isNear(px, x + w), down = isTop || isNear(py, y + h);
      if (across && down) {
        return {region, corner: [isLeft ? x + w : x, isTop ? y + h : y],
          cursor: isLeft === isTop ? 'nwse-resize' : 'nesw-resize'};
      }
      if (across && py > y && py < y + h || down && px > x && px < x + w) return {region, cursor: 'move'};
    }
    return null;
  }

  /** Draw a region; at the line of one, move it, and at its corner, size it. */
  press(layer, event) {
    if (!this.isDrawing || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    const from = this.place(layer, event), grip = this.gripAt(from, layer, event), [width, height] = this.size;
    if (!grip && this.isFull) return;
    layer.setPointerCapture(event.pointerId);
    const before = {...grip?.region}, corner = grip ? grip.corner : from;
    const sized = ([x, y]) => {
      const left = Math.round(Math.min(x, corner[0])), top = Math.round(Math.min(y, corner[1]));
      return {x: left, y: top, w: Math.round(Math.max(x, corner[0])) - left, h: Math.round(Math.max(y, corner[1])) - top};
    };
    const moved = ([x, y]) => ({
      x: Math.round(Math.max(0, Math.min(width - before.w, before.x + x - from[0]))),
      y: Math.round(Math.max(0, Math.min(height - before.h, before.y + y - from[1])))});
    const move = to => {
      const box = (corner ? sized : moved)(this.place(layer, to));
      if (!grip) this.sketch = box;
      else if (!corner || Math.min(box.w, box.h) >= 1) Object.assign(grip.region, box);
      this.draw();
    };
    const end = to => {
      for (const [kind, listener] of listeners) layer.removeEventListener(kind, listener);
      const drawn = this.sketch, isDone = to.type === 'pointerup', scale = layer.getBoundingClientRect().width / width;
      this.sketch = null;
      if (grip) {
        if (!isDone) Object.assign(grip.region, before);
        for (const [side, field] of Object.entries(grip.region.sides)) field.value = grip.region[side];
        this.changed();
      } else if (isDone && drawn && Math.min(drawn.w, drawn.h) >= Math.max(1, LEAST / scale)) {
        this.add(drawn, event.pointerType === 'mouse');
      } else {
        this.draw();
      }
    };
    const listeners = [['pointermove', move], ['pointerup', end], ['pointercancel', end]];
    for (const [kind, listener] of listeners) layer.addEventListener(kind, listener);
  }

  fields(region) {
    const name = make('input', {value: region.name, maxlength: 60, 'aria-label': `Name of region ${region.number}`});
    const row = make('li', {class: 'region'});
    const swatch = make('span', {class: 'swatch'});
    swatch.style.background = colorOf(region.number - 1);
    name.addEventListener('input', () => {
      region.name = name.value.trim() || `Region ${region.number}`;
      this.draw();
      this.onChange(true);
    });
    const remove = make('button', {type: 'button', 'aria-label': `Remove region ${region.number}`}, 'Remove');
    remove.addEventListener('click', () => {
      this.regions.splice(this.regions.indexOf(region), 1);
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (next?.querySelector('input') ?? document.getElementById('add-region')).focus();
      this.draw();
      this.onChange();
    });
    region.sides = {};
    const sides = Object.entries(SIDES).map(([side, label]) => {
      const isSize = side === 'w' || side === 'h', least = isSize ? 1 : 0;
      const most = this.size[side === 'y' || side === 'h' ? 1 : 0] - 1 + least;
      const field = make('input', {type: 'number', min: least, max: most, step: 1, value: region[side]});
      field.addEventListener('input', () => {
        if (field.value === '' || !field.checkValidity()) return;
        region[side] = Number(field.value);
        this.changed();
      });
      field.addEventListener('change', () => {
        // What no frame has becomes what is nearest to it.
        const value = field.value === '' ? region[side] : Math.max(least, Math.min(most, Math.round(Number(field.value))));
        field.value = value;
        if (value === region[side]) return;
        region[side] = value;
        this.changed();
      });
      region.sides[side] = field;
      return make('label', {}, `${label} `, field);
    });
    row.append(make('div', {class: 'bar'}, swatch, name, remove),
      make('div', {class: 'sides', role: 'group', 'aria-label': `Place of region ${region.number}`}, ...sides),
      make('p', {class: 'lines said'}));
    region.said = row.querySelector('.said');
    return row;
  }

  changed() {
    this.draw();
    this.onChange();
  }

  draw() {
    const all = this.sketch ? [...this.regions, {...this.sketch, name: '', number: this.nextNumber}] : this.regions;
    const [width, height] = this.size;
    for (const layer of this.layers) {
      layer.replaceChildren();
      layer.parentElement.querySelectorAll('.region-name').forEach(label => label.remove());
      for (const {name, x, y, w, h, number} of all) {
        const place = {x, y, width: w, height: h};
        const line = make('rect', {...place, class: 'region-line'});
        line.style.stroke = `var(--mark-${(number - 1) % 6})`;
        layer.append(make('rect', {...place, class: 'region-halo'}), line);
        const label = make('span', {class: 'region-name', 'aria-hidden': true}, name);
        // At the corner from which it has room.
        const isRight = x > width / 2, isLow = y > 0.85 * height;
        Object.assign(label.style, isRight ? {right: `${Math.max(0, 1 - (x + w) / width) * 100}%`} : {left: `${x / width * 100}%`});
        Object.assign(label.style, isLow ? {bottom: `${(1 - y / height) * 100}%`} : {top: `${y / height * 100}%`});
        layer.after(label);
      }
    }
  }
}
