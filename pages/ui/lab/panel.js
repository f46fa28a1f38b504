// A canvas that keeps its size in device pixels and its pointer in its own coordinates.

class Panel {
  constructor(host, label) {
    this.canvas = document.createElement("canvas")
    this.canvas.setAttribute("role", "img")
    this.canvas.setAttribute("aria-label", label)
    host.append(this.canvas)
    this.context = this.canvas.getContext("2d")
  }

  resize(width, height) {
    const ratio = window.devicePixelRatio || 1
    this.width = width
    this.height = height
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)]
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w
      this.canvas.height = h
      this.canvas.style.width = `${width}px`
      this.canvas.style.height = `${height}px`
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0)
  }

  clear() {
    this.context.clearRect(0, 0, this.width, this.height)
    delete this.canvas.dataset.foot
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  // A line at the foot of a picture that shows only a part.
  foot(words, lab) {
    const { context } = this
    context.font = `${lab.type - 1}px ${lab.font}`
    context.textAlign = "left"
    context.textBaseline = "alphabetic"
    context.fillStyle = lab.ground
    context.fillRect(0, this.height - lab.type - 6, context.measureText(words).width + 8, lab.type + 6)
    context.fillStyle = lab.faint
    context.fillText(words, 4, this.height - 6)
    this.canvas.dataset.foot = words // what stands on a canvas cannot be read off the page
  }

  // Calls back with the path of a drag, and at its end with whether it was more than a click. With Alt it moves the picture.
  onDrag(during, ended) {
    let path = null
    let held = null
    this.canvas.onpointerdown = (event) => {
      if (event.button !== 0) return
      if (event.altKey && this.moved) held = this.at(event)
      else path = [this.at(event)]
      this.canvas.setPointerCapture(event.pointerId)
    }
    this.dragging = (event) => {
      if (held) {
        const [x, y] = this.at(event)
        this.moved(x - held[0], y - held[1])
        held = [x, y]
        return true
      }
      if (!path) return false
      path.push(this.at(event))
      during(path, event)
      return true
    }
    const finish = (event) => {
      held = null
      if (!path) return
      const [from, to] = [path[0], this.at(event)]
      const far = path.some(([x, y]) => Math.hypot(x - from[0], y - from[1]) > 5)
      const whole = [...path, to]
      path = null
      ended(whole, far, event)
    }
    this.canvas.onpointerup = finish
    this.canvas.onpointercancel = () => {
      path = held = null
      during(null)
    }
  }
}

function token(root, name, otherwise) {
  const host = root.host ?? root
  return getComputedStyle(host).getPropertyValue(name).trim() || otherwise
}

function channels(hex) {
  const value = parseInt(hex.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}
