// The affinity: ordered, on a logarithmic scale, with its blocks, the colours of their clusters, and marks of what is chosen.

const STRIP = 7

class Matrix extends Panel {
  constructor(host, lab, film) {
    super(host, "Affinity, ordered by cluster")
    this.lab = lab
    this.film = film
    this.onDrag(
      (path) => {
        this.box = path && [path[0], path[path.length - 1]]
        this.draw()
      },
      (path, far, event) => {
        this.box = null
        if (!this.ordered) return
        const [a, b] = [this.cell(path[0]), this.cell(path[path.length - 1])]
        if (far) lab.choose(this.between(a, b), null, event.shiftKey)
        else lab.choose(null)
      },
    )
    this.canvas.onpointermove = (event) => {
      if (this.dragging(event)) return
      const place = this.ordered && this.cell(this.at(event))
      const inside = place && place.every((p) => p >= 0 && p < this.ordered.samples.length)
      this.canvas.style.cursor = inside ? "crosshair" : "default"
      if (!inside) return lab.point(-1)
      const [column, row] = place.map((p) => this.ordered.samples[Math.floor(p)])
      lab.point(row, event, film, column)
    }
    this.canvas.onpointerleave = () => lab.point(-1)
    this.canvas.title = "Drag to choose samples. Double-click a block to see it in full detail, and again to see all."
    this.canvas.ondblclick = (event) => {
      if (!this.ordered) return
      if (lab.span) return lab.zoom(null)
      const [, row] = this.cell(this.at(event))
      const edges = [0, ...this.whole.borders, this.whole.samples.length]
      const block = edges.findIndex((edge, k) => row >= edge && row < edges[k + 1])
      if (block >= 0 && edges[block + 1] - edges[block] > 1) lab.zoom([edges[block], edges[block + 1]])
    }
  }

  draw() {
    const { context, lab, film } = this
    this.clear()
    const i = film.index(lab.time)
    const wanted = JSON.stringify(lab.span)
    const fine = i === film.last && film.fine?.order === lab.order && JSON.stringify(film.fine.span) === wanted ? film.fine : null
    const frame = fine ?? (lab.order === "cluster" ? film.latest("blocks", i) : null)
    if (!frame) return this.say(film)
    const labels = lab.order === "class" ? film.y : fine ? film.labels(film.last) : frame.labels
    this.whole = film.order(labels, fine ? `fine${lab.order}` : frame.facts.place)
    this.ordered = fine?.span ? part(this.whole, fine.span, film.n) : this.whole
    const bar = lab.data.autoplay ? 0 : 12 + 3.6 * lab.type
    const side = (this.side = Math.min(this.width - bar, this.height) - STRIP - 2)
    this.left = Math.max(STRIP + 1, (this.width - bar - side) / 2)
    this.top = STRIP + 1
    context.imageSmoothingEnabled = false
    context.drawImage(this.image(frame), this.left, this.top, side, side)
    this.frames(labels)
    this.marks()
    if (bar) this.bar(frame)
    if (this.box) {
      const [[x0, y0], [x1, y1]] = this.box
      context.strokeStyle = "#ffffff"
      context.lineWidth = 1.5
      context.strokeRect(x0, y0, x1 - x0, y1 - y0)
    }
  }

  image(frame) {
    if (!frame.image) {
      const p = Math.round(Math.sqrt(frame.blocks.length))
      const picture = new ImageData(p, p)
      const table = this.lab.heat
      for (let k = 0; k < frame.blocks.length; k++) {
        const at = 3 * frame.blocks[k]
        picture.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * k)
      }
      frame.image = document.createElement("canvas")
      frame.image.width = frame.image.height = p
      frame.image.getContext("2d").putImageData(picture, 0, 0)
    }
    return frame.image
  }

  // The blocks, and along both sides the colours of their groups.
  frames(groups) {
    const { context, lab } = this
    const { samples, borders } = this.ordered
    const unit = this.side / samples.length
    const edges = [0, ...borders, samples.length]
    context.lineWidth = 1
    context.strokeStyle = "rgba(255,255,255,.65)"
    for (let k = 0; k + 1 < edges.length; k++) {
      const [from, size] = [edges[k] * unit, (edges[k + 1] - edges[k]) * unit]
      if (edges.length < 130) context.strokeRect(this.left + from, this.top + from, size, size)
      context.fillStyle = lab.tone(this.film, groups[samples[edges[k]]])
      context.fillRect(this.left - STRIP, this.top + from, STRIP - 2, size)
      context.fillRect(this.left + from, this.top - STRIP, size, STRIP - 2)
    }
  }

  marks() {
    const { context, lab } = this
    if (!lab.chosen) return
    const { samples, position } = this.ordered
    const unit = this.side / samples.length
    const few = lab.chosen.size <= 0.03 * samples.length // lines across the matrix would hide it where they are many
    for (const sample of lab.chosen) {
      const place = position[sample]
      if (place < 0) continue
      const size = Math.max(unit, 1)
      if (few) {
        context.fillStyle = "rgba(255,255,255,.16)"
        context.fillRect(this.left, this.top + place * unit, this.side, size)
        context.fillRect(this.left + place * unit, this.top, size, this.side)
      }
      context.fillStyle = lab.ink
      context.fillRect(this.left - STRIP, this.top + place * unit, STRIP - 1, size)
      context.fillRect(this.left + place * unit, this.top - STRIP, size, STRIP - 1)
    }
  }

  bar(frame) {
    const { context, lab } = this
    const x = this.left + this.side + 10
    const height = this.side * 0.6
    const y = this.top + (this.side - height) / 2
    for (let k = 0; k < height; k++) {
      const at = 3 * Math.round(255 * (1 - k / height))
      context.fillStyle = `rgb(${lab.heat[at]},${lab.heat[at + 1]},${lab.heat[at + 2]})`
      context.fillRect(x, y + k, 9, 1.5)
    }
    context.fillStyle = lab.faint
    context.font = `${lab.type - 1}px ${lab.font}`
    context.textAlign = "left"
    context.textBaseline = "middle"
    const top = frame.top[0]
    const decades = lab.decades
    for (let d = 0; d <= decades; d += 2) {
      const value = (top * 10 ** (d - decades)).toPrecision(1)
      context.fillText(`${d ? "" : "≤"}${Number(value) < 0.01 ? Number(value).toExponential(0) : Number(value)}`, x + 12, y + height * (1 - d / decades))
    }
    context.save()
    context.translate(x + 4, y - 8)
    context.textAlign = "left"
    context.fillText("log", -4, -4)
    context.restore()
  }

  cell([x, y]) {
    const n = this.ordered.samples.length
    return [((x - this.left) / this.side) * n, ((y - this.top) / this.side) * n]
  }

  between([c0, r0], [c1, r1]) {
    const n = this.ordered.samples.length
    const clip = (a, b) => [Math.max(0, Math.floor(Math.min(a, b))), Math.min(n, Math.ceil(Math.max(a, b)))]
    const found = new Set()
    for (const [from, to] of [clip(c0, c1), clip(r0, r1)])
      for (let p = from; p < to; p++) found.add(this.ordered.samples[p])
    return [...found]
  }

  say(film) {
    const { context, lab } = this
    this.ordered = null
    context.fillStyle = lab.faint
    context.font = `${lab.type + 1}px ${lab.font}`
    context.textAlign = "center"
    const words = film.facts.affinity
      ? lab.order === "class" ? ["Ordered by class it is worked out", "for the last step only"] : ["No affinity yet"]
      : ["This method clusters samples or codes directly:", "it has no affinity."]
    words.forEach((line, k) => context.fillText(line, this.width / 2, this.height / 2 + 20 * k))
  }
}

// A part of an order, as if there were nothing else.
function part(whole, [from, to], n) {
  const samples = whole.samples.slice(from, to)
  const position = new Int32Array(n).fill(-1)
  samples.forEach((sample, place) => (position[sample] = place))
  return { samples, position, borders: whole.borders.filter((b) => b > from && b < to).map((b) => b - from) }
}
