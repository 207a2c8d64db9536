// Numbers and tables for people.

package enum Format {
    /// With thousands apart: 11,204,512.
    package static func grouped(_ value: some BinaryInteger) -> String {
        var digits = String(value)
        var out = ""
        while digits.count > 3 {
            out = "," + digits.suffix(3) + out
            digits.removeLast(3)
        }
        return digits + out
    }

    package static func fixed(_ value: Double, _ places: Int) -> String {
        guard value.isFinite else { return "-" }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = (abs(value) * scale).rounded()
        let whole = (scaled / scale).rounded(.down)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return sign + String(Int(whole)) }
        let fraction = String(Int(scaled - whole * scale))
        return sign + String(Int(whole)) + "." + String(repeating: "0", count: max(0, places - fraction.count))
            + fraction
    }

    /// Three significant digits: 12,300; 4.56; 0.0789.
    package static func significant(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let size = abs(value)
        if size >= 100 { return grouped(Int(value.rounded())) }
        if size >= 10 { return fixed(value, 1) }
        if size >= 1 || size == 0 { return fixed(value, size == 0 ? 0 : 2) }
        return fixed(value, size >= 0.1 ? 3 : size >= 0.01 ? 4 : 6)
    }

    /// A duration in the unit that suits it: 87 µs, 2.81 ms.
    package static func duration(microseconds: Double) -> String {
        if microseconds < 1_000 { return fixed(microseconds, microseconds < 100 ? 1 : 0) + " µs" }
        if microseconds < 1_000_000 { return fixed(microseconds / 1_000, microseconds < 100_000 ? 2 : 0) + " ms" }
        return fixed(microseconds / 1_000_000, 2) + " s"
    }

    /// Hexadecimal, sixteen digits.
    package static func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    package static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// A table whose first and last columns are words, left-aligned, and the others figures.
    package static func named(_ rows: [[String]]) -> [String] {
        let figures = table(rows.map { Array($0.dropFirst().dropLast()) })
        let width = rows.map { $0.first?.count ?? 0 }.max() ?? 0
        return zip(rows, figures).map { row, figures in
            let name = row.first ?? ""
            let line = name + String(repeating: " ", count: width - name.count) + "  " + figures
            let words = row.count > 1 ? row.last ?? "" : ""
            return words.isEmpty ? line : line + "  " + words
        }
    }

    /// Columns as wide as their widest entry, right-aligned, two spaces apart.
    package static func table(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            zip(row, widths).map { padded($0, $1) }.joined(separator: "  ")
        }
    }
}
