// One run: what does not change (classes, pictures, names) and its frames.

class Film {
  constructor(scene) {
    this.facts = scene.facts
    this.n = scene.facts.n
    this.y = scene.y || null
    this.rows = scene.rows || null // the samples that the affinity speaks of, if not all
    this.shown = scene.shown
    this.frames = []
    this.layouts = new Map() // name -> { points, shown }: projections of the last state alone
    this.fine = new Map() // order -> { whole, part }: the last affinity in full detail
  }

  setFrames(frames) {
    this.frames = frames
    this.orders = new Map()
    for (const name of ["labels", "points", "circle", "blocks"]) {
      let latest = -1
      for (const [i, frame] of frames.entries()) {
        if (frame[name]) latest = i
        frame[`${name}At`] = latest
      }
    }
  }

  keep(record) {
    const { order, span } = record.facts
    this.fine.set(order, { ...this.fine.get(order), [span ? "part" : "whole"]: record })
  }

  get last() {
    return this.frames.length - 1
  }

  index(time) {
    return Math.max(0, Math.min(this.last, Math.floor(time * this.last + 1e-9)))
  }

  // The latest array of a name up to a frame: scores and clusters are read off less often than codes are seen.
  latest(name, i) {
    const frame = this.frames[i]
    const at = frame ? frame[`${name}At`] : -1
    return at < 0 ? null : this.frames[at]
  }

  labels(i) {
    return this.latest("labels", i)?.labels ?? null
  }

  scores(i) {
    for (; i >= 0; i--) if (Object.keys(this.frames[i].facts.scores ?? {}).length) return this.frames[i].facts.scores
    return {}
  }

  has(layout) {
    return layout === "points" || layout === "circle" ? this.frames.some((frame) => frame[layout]) : this.layouts.has(layout)
  }

  // Places of the points in [-1, 1] at a time between two frames, and the samples they are of.
  places(layout, time) {
    const still = this.layouts.get(layout)
    if (still) return still
    const i = this.index(time)
    const here = this.latest(layout, i)?.[layout]
    if (!here) return null
    const next = this.frames[Math.min(i + 1, this.last)][layout]
    const part = next && next !== here ? time * this.last - i : 0
    const points = new Float32Array(here.length)
    for (let j = 0; j < here.length; j++) points[j] = (here[j] + (part > 0 ? part * (next[j] - here[j]) : 0)) / 32767
    return { points, shown: this.shown }
  }

  // The samples of the matrix in its order, and for each sample its position (or -1).
  order(groups, key) {
    if (this.orders.has(key)) return this.orders.get(key)
    const rows = this.rows ?? Int32Array.from({ length: this.n }, (_, i) => i)
    const samples = Int32Array.from(rows).sort((a, b) => groups[a] - groups[b] || a - b)
    const position = new Int32Array(this.n).fill(-1)
    const borders = []
    samples.forEach((sample, place) => {
      position[sample] = place
      if (place && groups[sample] !== groups[samples[place - 1]]) borders.push(place)
    })
    const found = { samples, position, borders }
    if (this.orders.size > 4) this.orders.clear()
    this.orders.set(key, found)
    return found
  }

  // Whether the class of a sample is known; where labels are missing, some have none.
  known(sample) {
    return this.y !== null && this.y[sample] < this.facts.classes.length
  }

  wrong(sample, labels) {
    return this.known(sample) && labels[sample] !== this.y[sample]
  }

  name(group) {
    return this.facts.classes?.[group] ?? String(this.renumbered?.[group] ?? group)
  }
}
