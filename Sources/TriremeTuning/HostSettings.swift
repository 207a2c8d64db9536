// The machine as files below a root directory: "/" for the running one, any other for tests.
import Glibc

package struct HostSettings: Sendable {
    /// A file and what stands in it.
    package struct Value: Sendable, Equatable {
        /// As the kernel names it, from "/".
        package var path: String
        package var value: String
    }

    private let root: String

    package init(root: String = "/") {
        self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
    }

    /// All values of a setting, ascending by path; none where this machine does not have it.
    package func values(of setting: Setting) -> [Value] {
        paths(of: setting).compactMap { path in
            guard let text = read(path), let value = Self.value(in: text, of: setting) else { return nil }
            return Value(path: path, value: value)
        }
    }

    /// Writes a value, and reads it back: the kernel rounds some and ignores others.
    package func set(_ setting: Setting, at path: String, to value: String) throws(TuningError) {
        let descriptor = open(root + path, O_WRONLY | O_CLOEXEC | O_TRUNC)
        guard descriptor >= 0 else { throw Self.refused(setting, value, errno) }
        let text = value + "\n"
        let written = Glibc.write(descriptor, text, text.utf8.count)
        let error = errno
        close(descriptor)
        guard written == text.utf8.count else { throw Self.refused(setting, value, error) }
        let found = read(path).flatMap { Self.value(in: $0, of: setting) }
        guard found == value else {
            throw TuningError(
                "\(setting.name) was set to \(value) in \(path), but is \(found ?? "unreadable"): the kernel takes another value"
            )
        }
    }

    private static func refused(_ setting: Setting, _ value: String, _ error: Int32) -> TuningError {
        let mend =
            switch error {
            case EPERM, EACCES, EROFS:
                "; a container may not change it, so set it on the machine that runs the container"
            case EINVAL: "; the kernel does not know this value"
            default: ""
            }
        return TuningError(
            "\(setting.name) could not be set to \(value) (\(String(cString: strerror(error))))\(mend)")
    }

    // MARK: Files

    private func read(_ path: String) -> String? {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // The kernel's files are short, and say nothing of their length beforehand.
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + length, $0.count - length)
            }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            length += count
        }
        return String(decoding: bytes[..<length], as: UTF8.self)
    }

    private func paths(of setting: Setting) -> [String] {
        var found = [""]
        for part in setting.pattern.split(separator: "/").map(String.init) {
            found = found.flatMap { directory in
                part.contains("*")
                    ? names(in: directory, like: part).map { "\(directory)/\($0)" } : ["\(directory)/\(part)"]
            }
        }
        guard case .files(_, .some(let beside)) = setting.place else { return found }
        return found.filter { path in
            let directory = path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
            return access("\(root)\(directory)/\(beside)", F_OK) == 0
        }
    }

    /// Names in a directory that match a pattern with one `*`, in the order of people: cpu2 before cpu10.
    private func names(in directory: String, like pattern: String) -> [String] {
        let ends = pattern.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let listing = opendir(root + directory) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), name.count >= ends[0].count + ends[1].count, name.hasPrefix(ends[0]),
                name.hasSuffix(ends[1])
            else { continue }
            names.append(name)
        }
        return names.sorted { ($0.count, $0) < ($1.count, $1) }
    }

    // MARK: Contents

    private static func value(in text: String, of setting: Setting) -> String? {
        if case .limit(let row, _) = setting.place {
            // "Max locked memory         8388608              8388608              bytes": the soft limit, which is in force.
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(row) }) else { return nil }
            return line.dropFirst(row.count).split(separator: " ").first.map(String.init)
        }
        // Of a choice the kernel shows all, and the chosen one in brackets: always [madvise] never.
        if let start = text.firstIndex(of: "["), let end = text[start...].firstIndex(of: "]") {
            return String(text[text.index(after: start)..<end])
        }
        let value = text.trimmed
        return value.isEmpty ? nil : value
    }
}
