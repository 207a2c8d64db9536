import Foundation
import TriremeTuning

/// A directory that stands for "/", with the files that a test puts there. Whoever makes it removes it.
struct FakeRoot {
    let path: String
    var host: HostSettings { HostSettings(root: path) }

    init(_ files: [String: String] = [:]) throws {
        path = FileManager.default.temporaryDirectory.path + "/trireme-tuning-\(UUID().uuidString)"
        for (name, text) in files { try write(name, text) }
    }
    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        let file = URL(filePath: path + "/" + name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }
    func read(_ name: String) throws -> String {
        try String(contentsOfFile: path + "/" + name, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A file of the folder Tuning.
func tuningFile(_ name: String) throws -> String {
    try String(contentsOf: tuningFolder.appending(path: name), encoding: .utf8)
}
var tuningFolder: URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Tuning")
}
