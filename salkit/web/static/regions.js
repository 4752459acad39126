// Rectangles on the frame: drawn with a pointer, or typed.

import {make} from './chart.js';

const SIDES = {x: 'X', y: 'Y', w: 'Width', h: 'Height'};
// Of the server; and what no pointer means, in pixels of the screen.
const MOST = 20, LEAST = 6;

/** The color of a region, by its number. */
export const colorOf = number => `var(--region-${number % 6})`;

export class Regions {
  /** Fields are made in `list`; `onChange(region)` is called when one changed, null if one went. */
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
    }
    this.list.replaceChildren(...regions.map(region => this.fields(region)));
    this.draw();
  }

  /** Let pointers draw, or leave them to the page: a finger then scrolls. */
  allow(isDrawing) {
    this.isDrawing = isDrawing;
    this.layers.forEach(layer => layer.classList.toggle('drawing', isDrawing));
  }

  add(box, focus = true) {
    if (this.regions.length >= MOST) return;
    const [width, height] = this.size;
    const number = 1 + Math.max(0, ...this.regions.map(region => region.number));
    const region = {name: `Region ${number}`, number, x: Math.round(width / 3), y: Math.round(height / 3),
      w: Math.round(width / 3), h: Math.round(height / 3), ...box};
    this.regions.push(region);
    const fields = this.fields(region);
    this.list.append(fields);
    this.draw();
    if (focus) fields.querySelector('input').select();
    this.onChange(region);
  }

  press(layer, event) {
    if (!this.isDrawing || event.button !== 0) return;
    event.preventDefault();
    layer.setPointerCapture(event.pointerId);
    const [width, height] = this.size, area = layer.getBoundingClientRect();
    const place = to => [
      Math.max(0, Math.min(width, (to.clientX - area.left) / area.width * width)),
      Math.max(0, Math.min(height, (to.clientY - area.top) / area.height * height))];
    const from = place(event);
    const box = to => {
      const [x, y] = place(to);
      const left = Math.round(Math.min(x, from[0])), top = Math.round(Math.min(y, from[1]));
      return {x: left, y: top, w: Math.round(Math.max(x, from[0])) - left,
        h: Math.round(Math.max(y, from[1])) - top};
    };
    const move = to => { this.sketch = box(to); this.draw(); };
    const end = to => {
      layer.removeEventListener('pointermove', move);
      layer.removeEventListener('pointerup', end);
      layer.removeEventListener('pointercancel', end);
      const drawn = box(to), scale = area.width / width;
      this.sketch = null;
      if (to.type === 'pointerup' && Math.min(drawn.w, drawn.h) * scale >= LEAST && Math.min(drawn.w, drawn.h) >= 1) {
        this.add(drawn, event.pointerType === 'mouse');
      } else {
        this.draw();
      }
    };
    layer.addEventListener('pointermove', move);
    layer.addEventListener('pointerup', end);
    layer.addEventListener('pointercancel', end);
  }

  fields(region) {
    const name = make('input', {value: region.name, maxlength: 60, 'aria-label': `Name of region ${region.number}`});
    const row = make('li', {class: 'region'});
    const swatch = make('span', {class: 'swatch'});
    swatch.style.background = colorOf(region.number - 1);
    name.addEventListener('input', () => {
      region.name = name.value.trim() || `Region ${region.number}`;
      this.changed(region);
    });
    const remove = make('button', {type: 'button', 'aria-label': `Remove region ${region.number}`}, 'Remove');
    remove.addEventListener('click', () => {
      this.regions.splice(this.regions.indexOf(region), 1);
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (next?.querySelector('input') ?? document.getElementById('add-region')).focus();
      this.draw();
      this.onChange(null);
    });
    const sides = Object.entries(SIDES).map(([side, label]) => {
      const vertical = side === 'y' || side === 'h', most = this.size[vertical ? 1 : 0];
      const field = make('input', {type: 'number', min: side === 'w' || side === 'h' ? 1 : 0, max: most,
        step: 1, value: region[side]});
      field.addEventListener('input', () => {
        if (field.value === '' || !field.checkValidity()) return;
        region[side] = Number(field.value);
        this.changed(region);
      });
      return make('label', {}, `${label} `, field);
    });
    row.append(make('div', {class: 'bar'}, swatch, name, remove),
      make('div', {class: 'sides', role: 'group', 'aria-label': `Place of region ${region.number}`}, ...sides),
      make('p', {class: 'said'}));
    region.said = row.querySelector('.said');
    return row;
  }

  changed(region) {
    this.draw();
    this.onChange(region);
  }

  draw() {
    const all = this.sketch ? [...this.regions, {...this.sketch, name: '', number: this.regions.length + 1}] : this.regions;
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
        Object.assign(label.style, {left: `${x / width * 100}%`, top: `${y / height * 100}%`});
        layer.after(label);
      }
    }
  }
}
