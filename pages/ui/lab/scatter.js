// The embedding: points that can be pointed at, clicked and lassoed.

const dots = new Map()
const WHOLE = [-1, 1] // both axes of a projection

function dot(colour, size) {
  const key = `${colour}${size}`
  if (!dots.has(key)) {
    const ratio = window.devicePixelRatio || 1
    const stamp = document.createElement("canvas")
    stamp.width = stamp.height = Math.ceil((size + 1) * ratio)
    const context = stamp.getContext("2d")
    context.scale(ratio, ratio)
    context.fillStyle = colour
    context.beginPath()
    context.arc((size + 1) / 2, (size + 1) / 2, size / 2, 0, 7)
    context.fill()
    dots.set(key, stamp)
  }
  return dots.get(key)
}

class Scatter extends Panel {
  constructor(host, lab, film) {
    super(host, "Embedding")
    this.lab = lab
    this.film = film
    this.onDrag(
      (path) => {
        this.lasso = path
        this.draw()
      },
      (path, far, event) => {
        this.lasso = null
        if (far) lab.choose(this.inside(path), null, event.shiftKey)
        else {
          const hit = this.hit(...path[0])
          lab.click(hit < 0 ? null : [hit], event)
        }
      },
    )
    this.canvas.onpointermove = (event) => {
      if (this.dragging(event)) return
      const hit = this.hit(...this.at(event))
      this.canvas.style.cursor = hit < 0 ? "crosshair" : "pointer"
      lab.point(hit, event, film)
    }
    this.canvas.onpointerleave = () => lab.point(-1)
    this.canvas.title = "Drag to choose samples. Ctrl and scroll to look closer, Alt and drag to move, double-click to see all."
    onCloser(this, {
      zoomed: (place, factor) => this.look((axis, k) => closer(axis, this.unit(place)[k], factor, WHOLE)),
      moved: (dx, dy) => this.look((axis, k) => shifted(axis, k ? dy / this.scale : -dx / (this.scale * this.stretch), WHOLE)),
      turned: (place) => {
        if (lab.camera) lab.look(null)
        else this.look((axis, k) => closer(axis, this.unit(place)[k], 3, WHOLE))
      },
    })
  }

  look(change) {
    if (!this.found) return
    const axes = (this.lab.camera ?? [WHOLE, WHOLE]).map(change)
    this.lab.look(axes[0][1] - axes[0][0] > 1.999 ? null : axes)
  }

  // Where a place of the canvas is in the projection.
  unit([x, y]) {
    return [(x - this.middle[0]) / (this.scale * this.stretch), (this.middle[1] - y) / this.scale]
  }

  place() {
    const round = this.lab.layoutOf(this.film) === "circle"
    const names = round && !this.lab.data.autoplay ? 2 * this.lab.type + 40 : 14
    const side = Math.min(this.width, this.height) - names
    const [across, up] = this.lab.camera ?? [WHOLE, WHOLE]
    this.scale = side / (across[1] - across[0])
    this.stretch = round ? 1 : Math.min(1.6, (this.width - 14) / side)
    const middle = (axis) => ((axis[0] + axis[1]) / 2) * this.scale
    this.middle = [this.width / 2 - middle(across) * this.stretch, this.height / 2 + middle(up)]
  }

  draw() {
    const { context, lab, film } = this
    this.clear()
    const found = film.places(lab.layoutOf(film), lab.time)
    this.found = found
    if (!found) return this.say("No codes to show here")
    this.place()
    const i = film.index(lab.time)
    if (lab.layoutOf(film) === "circle") this.circle()
    const { points, shown } = found
    const paint = lab.colouring(film, i)
    const count = shown.length
    const size = (count <= 600 ? 7 : count <= 2500 ? 5.5 : count <= 12000 ? 3.5 : 2) * (Math.min(this.width, this.height) < 240 ? 0.6 : 1)
    const xy = (this.xy = new Float32Array(2 * count))
    const later = []
    const loose = lab.layoutOf(film) === "circle" // many lie on the very place of their cluster: spread, they can be told apart
    const { chosen } = lab
    const grey = lab.dark ? "#3a444e" : "#d3d9de"
    context.globalAlpha = count > 12000 ? 0.7 : 0.85
    for (let j = 0; j < count; j++) {
      const far = loose ? 1.5 * size * Math.sqrt((j * 0.754877666) % 1) : 0
      const x = (xy[2 * j] = this.middle[0] + points[2 * j] * this.scale * this.stretch + far * Math.cos(j))
      const y = (xy[2 * j + 1] = this.middle[1] - points[2 * j + 1] * this.scale + far * Math.sin(j))
      if (chosen && chosen.has(shown[j])) later.push(j)
      else this.stamp(x, y, size, chosen ? grey : paint(shown[j]))
    }
    context.globalAlpha = 1
    for (const j of later) this.stamp(xy[2 * j], xy[2 * j + 1], size + 1.5, paint(shown[j]))
    if (lab.hover >= 0) this.ring(lab.hover)
    if (this.lasso) this.outline()
    const words = this.below(film.labels(i))
    if (words) this.foot(words, lab)
  }

  // What of the whole is seen, and that a projection of the end is not what plays.
  below(labels) {
    const { lab, film } = this
    const now = lab.layoutOf(film)
    if (now !== lab.layout) {
      const why = film.layouts.has(lab.layout) ? "The projection is of the end" : "There are no clusters yet"
      return `${why}; until then, ${now === "circle" ? "by affinity" : "the codes on two axes"}`
    }
    if (!lab.camera) return ""
    const seen = this.found.shown.filter((_, j) => this.within(this.xy[2 * j], this.xy[2 * j + 1]))
    const clusters = labels ? [...new Set(seen.map((s) => labels[s]))].sort((a, b) => a - b) : []
    const named = clusters.length && clusters.length <= 4 ? `: cluster${clusters.length > 1 ? "s" : ""} ${clusters.map((k) => film.name(k)).join(", ")}` : ""
    const what = seen.length ? named : ", and nothing lies here"
    return `${(2 / (lab.camera[0][1] - lab.camera[0][0])).toFixed(1)} times closer${what}; double-click to see all`
  }

  within(x, y) {
    return x >= 0 && x <= this.width && y >= 0 && y <= this.height
  }

  stamp(x, y, size, colour) {
    if (size <= 2) {
      this.context.fillStyle = colour
      this.context.fillRect(x - 1, y - 1, 2, 2)
    } else this.context.drawImage(dot(colour, size), x - (size + 1) / 2, y - (size + 1) / 2, size + 1, size + 1)
  }

  // Where each cluster is, for the picture that lays samples where their affinity pulls them.
  circle() {
    const { context, lab, film } = this
    context.strokeStyle = lab.dark ? "#33404c" : "#dfe5e9"
    context.beginPath()
    context.arc(...this.middle, this.scale, 0, 7)
    context.stroke()
    const count = film.facts.groups
    if (count > 60 || lab.data.autoplay) return
    context.font = `${lab.type}px ${lab.font}`
    context.textAlign = "center"
    context.textBaseline = "middle"
    for (let k = 0; k < count; k++) {
      const turn = (2 * Math.PI * k) / count
      const reach = this.scale + lab.type * 0.6 + 11
      context.fillStyle = lab.tone(film, k)
      context.textAlign = Math.abs(Math.sin(turn)) < 0.3 || count > 12 ? "center" : Math.sin(turn) > 0 ? "left" : "right"
      context.fillText(film.name(k).slice(0, 12), this.middle[0] + Math.sin(turn) * reach, this.middle[1] - Math.cos(turn) * reach)
    }
  }

  ring(sample) {
    const j = this.found.shown.indexOf(sample)
    if (j < 0) return
    this.context.strokeStyle = this.lab.ink
    this.context.lineWidth = 2
    this.context.beginPath()
    this.context.arc(this.xy[2 * j], this.xy[2 * j + 1], 7, 0, 7)
    this.context.stroke()
  }

  outline() {
    const { context } = this
    context.strokeStyle = this.lab.ink
    context.setLineDash([4, 3])
    context.lineWidth = 1.2
    context.beginPath()
    for (const [x, y] of this.lasso) context.lineTo(x, y)
    context.closePath()
    context.stroke()
    context.setLineDash([])
  }

  hit(x, y) {
    if (!this.found) return -1
    let best = 100
    let found = -1
    for (let j = 0; j < this.found.shown.length; j++) {
      const distance = (this.xy[2 * j] - x) ** 2 + (this.xy[2 * j + 1] - y) ** 2
      if (distance < best) [best, found] = [distance, this.found.shown[j]]
    }
    return found
  }

  inside(path) {
    const outline = new Path2D()
    for (const [x, y] of path) outline.lineTo(x, y)
    outline.closePath()
    const ratio = window.devicePixelRatio || 1
    this.context.setTransform(1, 0, 0, 1, 0, 0)
    const found = []
    for (let j = 0; j < this.found.shown.length; j++)
      if (this.context.isPointInPath(outline, this.xy[2 * j], this.xy[2 * j + 1])) found.push(this.found.shown[j])
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0)
    return found
  }

  say(words) {
    this.context.fillStyle = this.lab.faint
    this.context.font = `${this.lab.type}px ${this.lab.font}`
    this.context.textAlign = "center"
    this.context.fillText(words, this.width / 2, this.height / 2)
  }
}
