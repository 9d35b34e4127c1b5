// What the page shows as text, letter by letter, for paper: the body of a function that answers JSON. Knows the stage's elements by their
// tags alone. `greenroom.written` keeps whose text it was, by number.
const stage = document.querySelector('.stage').getBoundingClientRect();
const scale = stage.width / 1920;
const BLOCKS = 'h1,h2,h3,h4,h5,h6,p,li,td,th,pre,blockquote,figcaption,footer,header,text,.line,.badge,.values,.check';
const rows = Array.from(document.querySelectorAll('.stage tr'));
const blocks = [];
const known = new Map();
greenroom.written = [];
const opacity = (element) => {
  let seen = 1;
  for (let above = element; above; above = above.parentElement) {
    const style = getComputedStyle(above);
    if (style.visibility === 'hidden' || style.display === 'none') return 0;
    seen *= Number(style.opacity);
  }
  return seen;
};
// Where something of an element can be seen: what its surroundings cut off cannot.
const windows = new Map();
const seenWithin = (element) => {
  if (!element || element === document.documentElement) return { left: -1e9, top: -1e9, right: 1e9, bottom: 1e9 };
  if (windows.has(element)) return windows.get(element);
  const around = seenWithin(element.parentElement);
  let within = around;
  const style = getComputedStyle(element);
  if (style.overflowX !== 'visible' || style.overflowY !== 'visible') {
    const box = element.getBoundingClientRect();
    within = {
      left: Math.max(around.left, box.left),
      top: Math.max(around.top, box.top),
      right: Math.min(around.right, box.right),
      bottom: Math.min(around.bottom, box.bottom),
    };
  }
  windows.set(element, within);
  return within;
};
// Whether its last letters give way to an ellipsis, which is no letter of it.
const isShortened = (element) => {
  for (let above = element; above && !above.matches('.stage'); above = above.parentElement) {
    if (getComputedStyle(above).textOverflow === 'ellipsis' && above.scrollWidth > above.clientWidth) return true;
  }
  return false;
};
const pen = document.createElement('canvas').getContext('2d');
const baseline = (style, rect) => {
  pen.font = style.fontStyle + ' ' + style.fontWeight + ' ' + style.fontSize + ' ' + style.fontFamily;
  const measure = pen.measureText('x');
  const ascent = measure.fontBoundingBoxAscent;
  return rect.top + (rect.height * ascent) / (ascent + measure.fontBoundingBoxDescent);
};
const block = (element) => {
  const of = element.closest(BLOCKS) || element;
  if (!known.has(of)) {
    const box = of.getBoundingClientRect();
    // A paragraph of an item is the item.
    const item = of.tagName === 'P' ? of.closest('li') : null;
    const whole = item || of;
    known.set(of, blocks.length);
    blocks.push({
      role: whole.tagName.toLowerCase(),
      box: [(box.left - stage.left) / scale, (box.top - stage.top) / scale, box.width / scale, box.height / scale],
      ordered: whole.parentElement ? whole.parentElement.tagName === 'OL' : false,
      row: of.parentElement && of.parentElement.tagName === 'TR' ? rows.indexOf(of.parentElement) : null,
      runs: [],
    });
  }
  return blocks[known.get(of)];
};
const walk = document.createTreeWalker(document.querySelector('.stage'), NodeFilter.SHOW_TEXT);
const range = document.createRange();
while (walk.nextNode()) {
  const node = walk.currentNode;
  const element = node.parentElement;
  if (!node.data.trim() || element.closest('.for-readers,.layer.leaves,title,desc,[hidden]')) continue;
  const seen = opacity(element);
  if (seen < 0.05) continue;
  const style = getComputedStyle(element);
  const drawn = element.closest('text');
  const matrix = drawn ? drawn.getScreenCTM() : null;
  const colour = (drawn ? style.fill : style.webkitTextFillColor || style.color).match(/[\d.]+/g).map(Number);
  const link = element.closest('.link');
  const within = seenWithin(element);
  const shortened = isShortened(element);
  // Letters of a drawing say themselves where they are, by their number among those that are drawn: space is drawn once, and not in front.
  const before = document.createRange();
  let above = '';
  if (drawn) {
    before.setStart(drawn, 0);
    before.setEnd(node, 0);
    above = before.toString();
  }
  const place = (at, letter) => {
    if (drawn) {
      const number = (above + node.data.slice(0, at)).replace(/\s+/g, ' ').replace(/^ /, '').length;
      const [begins, ends] = [drawn.getStartPositionOfChar(number), drawn.getEndPositionOfChar(number)];
      const [left, right] = [begins, ends].map((point) => point.matrixTransform(matrix));
      return { left: left.x, right: right.x, top: left.y, baseline: left.y, height: parseFloat(style.fontSize) * matrix.d };
    }
    range.setStart(node, at);
    range.setEnd(node, at + letter.length);
    const rect = range.getClientRects()[0];
    if (!rect || rect.width === 0) return null;
    return { left: rect.left, right: rect.right, top: rect.top, baseline: baseline(style, rect), height: rect.height };
  };
  let run = null;
  let space = false;
  let at = 0;
  for (const letter of Array.from(node.data)) {
    const begins = at;
    at += letter.length;
    if (/\s/.test(letter) && style.whiteSpace.indexOf('pre') < 0) {
      space = true;
      continue;
    }
    const rect = place(begins, letter);
    if (!rect) continue;
    const middle = drawn ? rect.top : rect.top + rect.height / 2;
    if (middle < within.top || middle > within.bottom || rect.left < within.left - 1 || rect.right > within.right + 1) continue;
    if (!run || Math.abs(run.top - rect.top) > rect.height / 2) {
      run = {
        top: rect.top,
        text: '',
        x: [],
        y: (rect.baseline - stage.top) / scale,
        end: 0,
        size: (parseFloat(style.fontSize) * (matrix ? matrix.a : scale)) / scale,
        mono: style.fontFamily.indexOf('Mono') >= 0,
        weight: Number(style.fontWeight) || 400,
        italic: style.fontStyle === 'italic',
        colour: [colour[0], colour[1], colour[2]],
        opacity: seen * (colour.length > 3 ? colour[3] : 1),
        struck: style.textDecorationLine.indexOf('line-through') >= 0,
        to: link ? link.getAttribute('title') : null,
        shortened,
        node: greenroom.written.length,
      };
      greenroom.written.push(element);
      const runs = block(element).runs;
      const last = runs[runs.length - 1];
      // What stands apart is read apart.
      const left = (rect.left - stage.left) / scale;
      if (last && (Math.abs(last.y - run.y) > run.size / 2 || left - last.end > run.size * 0.15) && !last.text.endsWith(' ')) {
        last.text += ' ';
        last.x.push(last.end);
      }
      runs.push(run);
      space = false;
    } else if (space) {
      run.text += ' ';
      run.x.push(run.end);
      space = false;
    }
    for (const part of Array.from(style.textTransform === 'uppercase' ? letter.toUpperCase() : letter)) {
      run.text += part;
      run.x.push((rect.left - stage.left) / scale);
    }
    run.end = (rect.right - stage.left) / scale;
  }
}
const pictures = Array.from(document.querySelectorAll('.stage .layer:not(.leaves) figure, .stage .layer:not(.leaves) img, .stage .layer:not(.leaves) svg[role="img"]'));
const alt = (element) => element.getAttribute('aria-label') || element.getAttribute('alt') || '';
return JSON.stringify({ blocks: blocks.filter((block) => block.runs.length), alts: pictures.map(alt).filter((alt) => alt) });
