// A field to paint points on. Strokes stay here, over page changes too, until they are handed over: Python hears of nothing else.

const EVERY = 0.35 // of the brush's width that the pointer moves between two sprays
const RADIUS = 3
const NONE = -1 // the class of points that have none
let kept = [] // strokes of the field that was left last

class Painter {
  constructor(root) {
    this.host = root.querySelector(".paint")
    this.strokes = kept
    this.colour = 0
    this.canvas = this.part("canvas")
    this.part("undo").onclick = () => this.keep(this.strokes.slice(0, -1))
    this.part("clear").onclick = () => this.keep([])
    this.part("use").onclick = () => this.emit("points", this.strokes.flat())
    this.canvas.onpointerdown = (event) => this.begin(event)
    this.canvas.onpointermove = (event) => this.move(event)
    this.canvas.onpointerup = this.canvas.onpointercancel = () => (this.last = null)
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.canvas)
  }

  part(name) {
    return this.host.querySelector(`[data-part="${name}"]`)
  }

  receive(data, emit) {
    this.emit = emit
    this.data = data
    const swatches = [...data.palette.keys(), NONE].map((colour) => this.swatch(colour))
    this.part("colours").replaceChildren(...swatches)
    this.choose(this.colour)
    this.keep(this.strokes)
  }

  swatch(colour) {
    const button = document.createElement("button")
    button.type = "button"
    button.className = colour === NONE ? "swatch none" : "swatch"
    button.dataset.colour = colour
    button.setAttribute("role", "radio")
    button.title = colour === NONE ? "Points without a class" : `Points of class ${colour + 1}`
    button.setAttribute("aria-label", button.title)
    if (colour === NONE) button.textContent = "?"
    else button.style.background = this.data.palette[colour]
    button.onclick = () => this.choose(colour)
    return button
  }

  choose(colour) {
    this.colour = colour
    for (const button of this.part("colours").children)
      button.setAttribute("aria-checked", String(Number(button.dataset.colour) === colour))
  }

  get count() {
    return this.strokes.reduce((sum, stroke) => sum + stroke.length, 0)
  }

  // Where the pointer is, in numbers from 0 to 1 along the width of the field.
  place(event) {
    const box = this.canvas.getBoundingClientRect()
    return [(event.clientX - box.left) / box.width, (box.bottom - event.clientY) / box.width]
  }

  begin(event) {
    this.canvas.setPointerCapture(event.pointerId)
    this.strokes.push([])
    this.spray(event)
  }

  move(event) {
    if (!this.last) return
    const [x, y] = this.place(event)
    const far = Math.hypot(x - this.last[0], y - this.last[1]) * this.canvas.clientWidth
    if (far >= Math.max(2.5 * RADIUS, EVERY * Number(this.part("size").value))) this.spray(event)
  }

  // Points within the brush: one where the pointer is, and more the larger the brush.
  spray(event) {
    const [x, y] = (this.last = this.place(event))
    const size = Number(this.part("size").value) / this.canvas.clientWidth
    const height = this.canvas.clientHeight / this.canvas.clientWidth
    for (let i = 0; i < 1 + Math.round((size * this.canvas.clientWidth) / 12) && this.count < this.data.most; i++) {
      const angle = 2 * Math.PI * Math.random()
      const radius = size * Math.sqrt(Math.random())
      const point = [x + radius * Math.cos(angle), y + radius * Math.sin(angle)]
      if (point[0] > 0 && point[0] < 1 && point[1] > 0 && point[1] < height) this.strokes.at(-1).push([...point, this.colour])
    }
    this.keep(this.strokes)
  }

  keep(strokes) {
    this.strokes = kept = strokes
    const { least, most } = this.data
    const [n, classes] = [this.count, new Set(strokes.flat().map((point) => point[2]).filter((colour) => colour >= 0)).size]
    const words = n < least ? `at least ${least} are needed` : n >= most ? "there is room for no more" : `of at most ${most}`
    this.part("count").textContent = `${n} points, ${words}` + (classes > 1 ? `; ${classes} colours` : "")
    this.part("use").disabled = n < least
    this.part("undo").disabled = this.part("clear").disabled = !strokes.length
    this.draw()
  }

  draw() {
    const [width, ratio] = [this.canvas.clientWidth, window.devicePixelRatio || 1]
    if (!width || !this.data) return
    const height = Math.round(width * this.data.height)
    this.canvas.style.height = `${height}px`
    this.canvas.width = width * ratio
    this.canvas.height = height * ratio
    const pen = this.canvas.getContext("2d")
    pen.scale(ratio, ratio)
    const bare = getComputedStyle(this.host).color
    for (const [x, y, colour] of this.strokes.flat()) {
      pen.beginPath()
      pen.arc(x * width, height - y * width, RADIUS, 0, 2 * Math.PI)
      pen.fillStyle = pen.strokeStyle = colour === NONE ? bare : this.data.palette[colour]
      colour === NONE ? pen.stroke() : pen.fill()
    }
  }

  close() {
    this.observer.disconnect()
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (data) return mount(parentElement, (root) => new Painter(root), data, setTriggerValue)
}
