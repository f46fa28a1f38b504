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
        else lab.click(null, event)
      },
    )
    this.canvas.onpointermove = (event) => {
      if (this.dragging(event)) return
      const place = this.ordered && this.cell(this.at(event))
      const inside = place && place.every((p, k) => p >= this.part[k][0] && p < this.part[k][1])
      this.canvas.style.cursor = inside ? "crosshair" : "default"
      if (!inside) return lab.point(-1)
      const [column, row] = place.map((p) => this.ordered.samples[Math.floor(p)])
      lab.point(row, event, film, column)
    }
    this.canvas.onpointerleave = () => lab.point(-1)
    this.canvas.title = "Drag to choose samples."
    if (!lab.data.offers) return // nobody can be asked for more detail
    this.canvas.title +=
      " Double-click a block to see it in full detail, and again to see all; Ctrl and scroll to look closer, Alt and drag to move."
    onCloser(this, {
      zoomed: (place, factor) => this.look((axis, k, all) => closer(axis, this.cell(place)[k], factor, all)),
      moved: (dx, dy) => this.look((axis, k, all) => shifted(axis, ((k ? -dy : -dx) / this.side) * (axis[1] - axis[0]), all)),
      turned: (place) => {
        if (!this.ordered) return
        if (lab.span) return lab.zoom(null)
        const edges = [0, ...this.ordered.borders, this.ordered.samples.length]
        const blocks = this.cell(place).map((p) => edges.findIndex((edge, k) => p >= edge && p < edges[k + 1]))
        if (blocks.includes(-1)) return
        const [columns, rows] = blocks.map((k) => [edges[k], edges[k + 1]])
        if (rows[1] - rows[0] > 1 && columns[1] - columns[0] > 1) lab.zoom([...rows, ...columns])
      },
    })
  }

  // A part of rows and columns, in whole positions.
  look(change) {
    if (!this.ordered || !this.lab.data.offers) return
    const all = [0, this.ordered.samples.length]
    const before = String(this.lab.span)
    const start = this.unrounded?.span === before ? this.unrounded.part : this.part // small steps add up
    const part = start.map((axis, k) => change(axis, k, all))
    const [columns, rows] = part.map((axis) => axis.map(Math.round))
    if ([columns, rows].some(([from, to]) => to - from < 2)) return
    const whole = [columns, rows].every(([from, to]) => from === 0 && to === all[1])
    const span = whole ? null : [...rows, ...columns]
    this.unrounded = { span: String(span), part }
    if (String(span) !== before) this.lab.zoom(span, true)
  }

  draw() {
    const { context, lab, film } = this
    this.clear()
    this.detail = null
    const i = film.index(lab.time)
    const fine = i === film.last ? film.fine.get(lab.order) : null
    const close = fine?.part && String(fine.part.facts.span) === String(lab.span) ? fine.part : null
    const frame = close ?? fine?.whole ?? (lab.order === "cluster" ? film.latest("blocks", i) : null)
    if (!frame) return this.say(film)
    const still = frame === close || frame === fine?.whole
    const labels = lab.order === "class" ? film.y : still ? film.labels(film.last) : frame.labels
    this.ordered = film.order(labels, still ? `still${lab.order}` : frame.facts.place)
    const n = this.ordered.samples.length
    const [r0, r1, c0, c1] = lab.span && lab.span.every((p) => p <= n) ? lab.span : [0, n, 0, n]
    this.part = [[c0, c1], [r0, r1]]
    const bar = lab.data.autoplay ? 0 : 12 + 3.6 * lab.type
    const side = (this.side = Math.min(this.width - bar, this.height) - STRIP - 2)
    this.left = Math.max(STRIP + 1, (this.width - bar - side) / 2)
    this.top = STRIP + 1
    this.detail = close ? "part" : still ? "whole" : "frame"
    this.paint(frame, close ? [0, 1, 0, 1] : [r0 / n, r1 / n, c0 / n, c1 / n])
    this.frames(labels)
    this.marks()
    if (bar) this.bar(frame)
    if (lab.span && bar) this.foot(`Rows: ${this.names(labels, 1)}; columns: ${this.names(labels, 0)}. Double-click to see all`, lab)
    if (this.box) {
      const [[x0, y0], [x1, y1]] = this.box
      context.strokeStyle = "#ffffff"
      context.lineWidth = 1.5
      context.strokeRect(x0, y0, x1 - x0, y1 - y0)
    }
  }

  // A part of what a record shows, in shares of its sides: the detail of the whole, until that of the part has come.
  paint(record, [r0, r1, c0, c1]) {
    const image = this.image(record)
    const [w, h] = [image.width, image.height]
    this.context.imageSmoothingEnabled = false
    this.context.drawImage(image, c0 * w, r0 * h, (c1 - c0) * w, (r1 - r0) * h, this.left, this.top, this.side, this.side)
  }

  image(frame) {
    if (!frame.image) {
      const columns = frame.facts.columns ?? Math.round(Math.sqrt(frame.blocks.length))
      const rows = frame.blocks.length / columns
      const picture = new ImageData(columns, rows)
      const table = this.lab.heat
      for (let k = 0; k < frame.blocks.length; k++) {
        const at = 3 * frame.blocks[k]
        picture.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * k)
      }
      frame.image = document.createElement("canvas")
      frame.image.width = columns
      frame.image.height = rows
      frame.image.getContext("2d").putImageData(picture, 0, 0)
    }
    return frame.image
  }

  // The blocks, and along both sides the colours of their groups.
  frames(groups) {
    const { context, lab } = this
    const { samples, borders } = this.ordered
    const edges = [0, ...borders, samples.length]
    context.lineWidth = 1
    context.strokeStyle = "rgba(255,255,255,.65)"
    context.save()
    context.beginPath()
    context.rect(this.left - STRIP, this.top - STRIP, this.side + STRIP, this.side + STRIP)
    context.clip()
    for (let k = 0; k + 1 < edges.length; k++) {
      const [[x, wide], [y, high]] = [0, 1].map((axis) => this.extent(axis, edges[k], edges[k + 1]))
      if (edges.length < 130 && wide > 0 && high > 0) context.strokeRect(x, y, wide, high)
      context.fillStyle = lab.tone(this.film, groups[samples[edges[k]]])
      if (high > 0) context.fillRect(this.left - STRIP, y, STRIP - 2, high)
      if (wide > 0) context.fillRect(x, this.top - STRIP, wide, STRIP - 2)
    }
    context.restore()
  }

  // Where positions of the order lie along an axis (0 across, 1 down), and how far they reach, within the part that is seen.
  extent(axis, from, to) {
    const [low, high] = this.part[axis]
    const unit = this.side / (high - low)
    const [a, b] = [Math.max(from, low), Math.min(to, high)]
    return [(axis ? this.top : this.left) + (a - low) * unit, (b - a) * unit]
  }

  // Which groups an axis of the part shows.
  names(groups, axis) {
    const [from, to] = this.part[axis]
    const kind = this.lab.order === "class" ? "class" : "cluster"
    const [first, last] = [from, to - 1].map((place) => this.film.name(groups[this.ordered.samples[place]]))
    return first === last ? `${kind} ${first}` : `${kind} ${first} to ${last}`
  }

  marks() {
    const { context, lab } = this
    if (!lab.chosen) return
    const { samples, position } = this.ordered
    const few = lab.chosen.size <= 0.03 * samples.length // lines across the matrix would hide it where they are many
    const fill = (axis, at, size, from, length) =>
      axis ? context.fillRect(from, at, length, size) : context.fillRect(at, from, size, length)
    for (const sample of lab.chosen) {
      if (position[sample] < 0) continue
      for (const axis of [0, 1]) {
        const [at, size] = this.extent(axis, position[sample], position[sample] + 1)
        if (size <= 0) continue
        const edge = axis ? this.left : this.top
        context.fillStyle = "rgba(255,255,255,.16)"
        if (few) fill(axis, at, Math.max(size, 1), edge, this.side)
        context.fillStyle = lab.ink
        fill(axis, at, Math.max(size, 1), edge - STRIP, STRIP - 1)
      }
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

  // Column and row of a place of the canvas, as positions of the order.
  cell(place) {
    return [this.left, this.top].map((edge, k) => {
      const [low, high] = this.part[k]
      return low + ((place[k] - edge) / this.side) * (high - low)
    })
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
      ? lab.order !== "class" ? ["No affinity yet"]
        : film.index(lab.time) === film.last ? ["Being ordered by class"] : ["Ordered by class it is worked out", "for the last step only"]
      : ["This method clusters samples or codes directly:", "it has no affinity."]
    words.forEach((line, k) => context.fillText(line, this.width / 2, this.height / 2 + 20 * k))
  }
}
