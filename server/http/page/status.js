'use strict';

const POLL_MS = 1000;
const HISTORY = 60;  // points of a sparkline
const histories = new Map();  // by pipeline: rows/s, oldest first
let answeredAt = null;

const count = new Intl.NumberFormat('en');

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function seconds(value) {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  if (value < 172800) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} d`;
}

function millis(value) {
  if (value === null) return '–';
  return value < 1000 ? `${value.toFixed(1)} ms` : seconds(value / 1000);
}

function moment(ms) {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 19) + ' UTC';
}

function stateClass(state) {
  if (state === 'running') return 'good';
  return state === 'stopped' || state === 'paused' ? 'bad' : 'warn';
}

function integrityClass(rate) {
  return rate >= 0.99 ? 'good' : rate >= 0.95 ? 'warn' : 'bad';
}

function setText(element, text, className = '') {
  if (element.textContent !== text) element.textContent = text;
  if (element.className !== className) element.className = className;
}

function makeSparkline() {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', `0 0 ${HISTORY - 1} 20`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(space, 'polyline'));
  return svg;
}

function drawSparkline(svg, values) {
  const top = Math.max(1, ...values);
  const from = HISTORY - values.length;
  svg.firstChild.setAttribute('points', values.map(
    (value, i) => `${from + i},${(19 - 18 * value / top).toFixed(1)}`).join(' '));
}

const COLUMNS = ['State', 'Rows/s', 'Backlog', 'Oldest row', 'Last error', 'Dead letters',
  'Integrity', 'Batch size', 'Flush', 'Commit'];

function makeRow(pipeline) {
  const row = document.createElement('tr');
  const name = document.createElement('th');
  name.scope = 'row';
  name.textContent = pipeline.table;
  const target = document.createElement('small');
  target.textContent = pipeline.target;
  name.append(target);
  row.append(name);
  for (const label of COLUMNS) {
    const cell = document.createElement('td');
    cell.dataset.label = label;
    const value = document.createElement('span');
    if (label === 'Rows/s') {
      const box = document.createElement('span');
      box.append(makeSparkline(), value);
      cell.append(box);
    } else {
      cell.append(value);
    }
    row.append(cell);
  }
  return row;
}

function fillRow(row, pipeline, history) {
  const cells = [...row.querySelectorAll('td')].map((cell) =>
    cell.querySelector('svg + span') || cell.firstChild);
  const error = [pipeline.last_error_class, pipeline.last_error].filter(Boolean).join(': ');
  setText(cells[0], pipeline.state, stateClass(pipeline.state));
  drawSparkline(row.querySelector('svg'), history);
  setText(cells[1], count.format(Math.round(pipeline.rows_per_second)));
  setText(cells[2], count.format(pipeline.queued_rows));
  setText(cells[3], pipeline.oldest_age_seconds > 0 ? seconds(pipeline.oldest_age_seconds) : '–');
  setText(cells[4], error || '–', error ? 'warn' : '');
  setText(cells[5], count.format(pipeline.dead_letters), pipeline.dead_letters > 0 ? 'bad' : '');
  setText(cells[6], `${(pipeline.integrity * 100).toFixed(2)} %`, integrityClass(pipeline.integrity));
  setText(cells[7], pipeline.batch_rows === null ? '–'
    : `${count.format(Math.round(pipeline.batch_rows))} of ${count.format(pipeline.batch_rows_target)}`);
  setText(cells[8], millis(pipeline.flush_ms));
  setText(cells[9], millis(pipeline.commit_ms));
}

function showPipelines(pipelines) {
  const body = document.querySelector('#pipelines tbody');
  const rows = new Map([...body.children].map((row) => [row.dataset.key, row]));
  for (const pipeline of pipelines) {
    const key = `${pipeline.target}/${pipeline.table}`;
    const history = histories.get(key) || [];
    history.push(pipeline.rows_per_second);
    histories.set(key, history.slice(-HISTORY));
    let row = rows.get(key);
    if (!row) {
      row = makeRow(pipeline);
      row.dataset.key = key;
      body.append(row);
    }
    rows.delete(key);
    fillRow(row, pipeline, histories.get(key));
  }
  for (const [key, row] of rows) {
    row.remove();
    histories.delete(key);
  }
  document.querySelector('#none').hidden = pipelines.length > 0;
  document.querySelector('#pipelines').hidden = pipelines.length === 0;
}

function showDaemon(report) {
  const facts = [
    ['Up for', seconds(report.uptime_seconds)],
    ['Memory', bytes(report.memory.resident_bytes)],
    ['Rows in memory', `${bytes(report.memory.buffered_bytes)} of ${bytes(report.memory.buffered_bytes_max)}`],
    ['Journals', `${bytes(report.journal.bytes)} of ${bytes(report.journal.bytes_max)}`],
    ...report.targets.map((target) => [`${target.name} connections`,
      `${target.connections} of ${target.connections_max}`]),
  ];
  if (report.reload) {
    facts.push(['Configuration read', `${moment(report.reload.time_ms)}${report.reload.successful ? '' : ', refused'}`]);
  }
  const list = document.querySelector('#daemon');
  while (list.children.length > facts.length) list.lastChild.remove();
  facts.forEach(([name, value], i) => {
    if (!list.children[i]) {
      const box = document.createElement('div');
      box.append(document.createElement('dt'), document.createElement('dd'));
      list.append(box);
    }
    setText(list.children[i].children[0], name);
    setText(list.children[i].children[1], value);
  });
  setText(document.querySelector('#version'), report.version);
}

function summary(pipelines) {
  const ill = pipelines.filter((pipeline) => pipeline.state !== 'running' && pipeline.state !== 'opening');
  if (ill.length === 0) return ['All pipelines run.', 'good'];
  const names = ill.slice(0, 5).map((pipeline) => `${pipeline.table} (${pipeline.state})`).join(', ');
  return [`${ill.length} of ${pipelines.length} pipelines need a look: ${names}.`, 'bad'];
}

function show(report) {
  showDaemon(report);
  showPipelines(report.pipelines);
  const [text, className] = summary(report.pipelines);
  setText(document.querySelector('#summary'), text, className);
  document.title = className === 'good' ? 'batchsqld' : 'batchsqld: needs a look';
}

async function poll() {
  try {
    const answer = await fetch('/status.json', {cache: 'no-store'});
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
    answeredAt = Date.now();
  } catch (error) {
    const since = answeredAt === null ? '' : `; these figures are of ${moment(answeredAt)}`;
    setText(document.querySelector('#summary'), `batchsqld does not answer${since}.`, 'bad');
    document.title = 'batchsqld: no answer';
  }
  setTimeout(poll, POLL_MS);
}

poll();
