// A line chart as SVG, drawn with the page's style sheet: it has no colours of its own, so that light and dark both suit it.
import Glibc

struct SVGChart {
    enum Scale {
        /// From 0 to a whole step.
        case linear
        /// From 0 to the last value.
        case span
        case logarithmic
        /// Percentiles 0 ≤ p < 1 by their distance from 1: 90 %, 99 %, 99.9 % are equally far apart.
        case nines
    }
    struct Line {
        var name: String
        /// One of the style sheet's classes `a` to `e`.
        var style: String
        var points: [(x: Double, y: Double)]
        var hasMarks = true
    }

    var title: String
    var xName: String
    var yName: String
    var xScale = Scale.span
    var yScale = Scale.linear
    var lines: [Line]
    /// How values are written at the axes and in the marks' titles.
    var xText: (Double) -> String = { Format.significant($0) }
    var yText: (Double) -> String = { Format.significant($0) }

    /// Narrow, so that its letters can be read where the page is as wide as a phone.
    private static let width = 400.0
    private static let height = 276.0
    private static let left = 58.0
    private static let right = 22.0
    private static let top = 34.0
    private static let bottom = 46.0

    private struct Axis {
        var scale: Scale
        var low: Double
        var high: Double
        var ticks: [Double]

        init(_ scale: Scale, _ values: [Double]) {
            self.scale = scale
            let values = values.filter(\.isFinite)
            switch scale {
            case .linear:
                let step = Self.step(values.max() ?? 1)
                low = 0
                high = max(step, (max(values.max() ?? 1, 1e-9) / step).rounded(.up) * step)
                ticks = stride(from: 0, through: high * 1.0001, by: step).map { $0 }
            case .span:
                low = 0
                high = max(values.max() ?? 1, 1e-9)
                ticks = stride(from: 0, through: high * 1.0001, by: Self.step(high)).map { $0 }
            case .logarithmic:
                let positive = values.filter { $0 > 0 }
                let least = log10(positive.min() ?? 1)
                let most = log10(positive.max() ?? 10)
                let factors: [Double] = most - least > 3 ? [1] : most - least > 1.5 ? [1, 3] : [1, 2, 5]
                let candidates = (Int(least.rounded(.down)) - 1...Int(most.rounded(.up)) + 1).flatMap { decade in
                    factors.map { $0 * pow(10, Double(decade)) }
                }
                let from = candidates.last { $0 <= pow(10, least) * 1.0001 } ?? pow(10, least)
                let to = candidates.first { $0 >= pow(10, most) * 0.9999 && $0 > from } ?? pow(10, most)
                low = from
                high = to
                ticks = candidates.filter { $0 >= from * 0.9999 && $0 <= to * 1.0001 }
            case .nines:
                let most = min(0.99999, values.max() ?? 0.9)
                low = 0
                high = most
                ticks = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999].filter { $0 <= most * 1.0000001 }
            }
        }

        /// 1, 2 or 5 times a power of ten: about five of them up to `most`.
        static func step(_ most: Double) -> Double {
            let raw = max(most, 1e-9) / 5
            let power = pow(10, log10(raw).rounded(.down))
            return [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw * 0.9999 } ?? power
        }
        private func place(_ value: Double) -> Double {
            switch scale {
            case .linear, .span: value
            case .logarithmic: log10(max(value, 1e-12))
            case .nines: -log10(1 - min(value, 0.9999999))
            }
        }
        /// 0 at the low end, 1 at the high one.
        func part(_ value: Double) -> Double {
            let span = place(high) - place(low)
            return span > 0 ? min(1, max(0, (place(value) - place(low)) / span)) : 0.5
        }
    }

    var text: String {
        let points = lines.flatMap(\.points)
        let x = Axis(xScale, points.map(\.x))
        let y = Axis(yScale, points.map(\.y))
        let inner = (width: Self.width - Self.left - Self.right, height: Self.height - Self.top - Self.bottom)
        func across(_ value: Double) -> String { Format.fixed(Self.left + x.part(value) * inner.width, 1) }
        func down(_ value: Double) -> String { Format.fixed(Self.top + (1 - y.part(value)) * inner.height, 1) }
        let floor = Format.fixed(Self.height - Self.bottom, 1)
        var out = """
            <figure><svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" aria-label="\(HTML.escaped(title))">
            <text class="t" x="4" y="16">\(HTML.escaped(title))</text>\n
            """
        for tick in y.ticks {
            out += "<path class=\"g\" d=\"M\(Int(Self.left)) \(down(tick))H\(Int(Self.width - Self.right))\"/>"
            out +=
                "<text class=\"y\" x=\"\(Int(Self.left) - 6)\" y=\"\(down(tick))\" dy=\".32em\">\(yText(tick))</text>\n"
        }
        for tick in x.ticks {
            out += "<path class=\"g\" d=\"M\(across(tick)) \(Int(Self.top))V\(floor)\"/>"
            out += "<text class=\"x\" x=\"\(across(tick))\" y=\"\(floor)\" dy=\"1.3em\">\(xText(tick))</text>\n"
        }
        out +=
            "<text class=\"x n\" x=\"\(Int(Self.left + inner.width / 2))\" y=\"\(Int(Self.height) - 6)\">\(HTML.escaped(xName))</text>\n"
        for line in lines where !line.points.isEmpty {
            let path = line.points.enumerated().map {
                ($0.offset == 0 ? "M" : "L") + across($0.element.x) + " " + down($0.element.y)
            }
            out += "<path class=\"l \(line.style)\" d=\"\(path.joined())\"/>\n"
            guard line.hasMarks else { continue }
            for point in line.points {
                let about = "\(line.name): \(yText(point.y)) at \(xText(point.x))"
                out +=
                    "<circle class=\"m \(line.style)\" cx=\"\(across(point.x))\" cy=\"\(down(point.y))\" r=\"3\"><title>"
                    + "\(HTML.escaped(about))</title></circle>\n"
            }
        }
        out += "</svg>"
        out += "<figcaption>\(HTML.escaped(yName))"
        if lines.count > 1 {
            for line in lines { out += " <span class=\"k \(line.style)\">\(HTML.escaped(line.name))</span>" }
        }
        return out + "</figcaption></figure>\n"
    }
}

enum HTML {
    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }

    /// The first row is the head; its first column are names, or all columns figures.
    static func table(_ rows: [[String]], names: Bool = true) -> String {
        guard let head = rows.first else { return "" }
        var out = "<div class=\"scroll\"><table\(names ? " class=\"names\"" : "")><thead><tr>"
        for cell in head { out += "<th>\(escaped(cell))</th>" }
        out += "</tr></thead><tbody>\n"
        for row in rows.dropFirst() {
            out += "<tr>" + row.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>\n"
        }
        return out + "</tbody></table></div>\n"
    }
}
