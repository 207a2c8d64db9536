// Files that a run leaves when it is over: whether they can be written is asked before it begins.
import Glibc

package enum OutputFile {
    /// Why `path` cannot be written, if that can be told beforehand; "-" is standard output.
    package static func refusal(_ path: String, _ option: String) -> BenchError? {
        guard path != "-" else { return nil }
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var about = stat()
        let exists = stat(path, &about) == 0
        if exists, about.st_mode & S_IFMT == S_IFDIR {
            return BenchError("\(option) is \(path), which is a directory: name a file in it")
        }
        guard access(exists ? path : directory, W_OK) == 0 else {
            return BenchError(
                "\(option) is \(path), which cannot be written (\(String(cString: strerror(errno)))): name a file in a "
                    + "directory that is there and writable")
        }
        return nil
    }

    /// Writes a whole file; "-" is standard output.
    package static func write(_ text: String, to path: String, _ option: String) throws(BenchError) {
        if path == "-" { return Terminal.write(text, to: STDOUT_FILENO) }
        guard let file = fopen(path, "we") else {
            throw BenchError(
                "\(path) cannot be written (\(String(cString: strerror(errno)))): choose another file for \(option)")
        }
        let written = fputs(text, file)
        let closed = fclose(file)
        guard written >= 0, closed == 0 else {
            throw BenchError(
                "\(path) could not be written whole (\(String(cString: strerror(errno)))): make room for it")
        }
    }
}
