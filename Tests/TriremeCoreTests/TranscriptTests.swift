// Runs every transcript of the folder.
import Foundation
import Testing

@Suite struct TranscriptTests {
    static var names: [String] {
        let folder = Bundle.module.resourceURL!.appending(path: "Transcripts")
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test(arguments: names) func transcript(_ name: String) throws {
        let file = Bundle.module.resourceURL!.appending(path: "Transcripts").appending(path: name)
        let result = Transcript(try String(contentsOf: file, encoding: .utf8)).run()
        if let folder = ProcessInfo.processInfo.environment["TRIREME_REWRITE_TRANSCRIPTS"] {
            try result.text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
            return
        }
        if let mismatch = result.mismatch { Issue.record("\(name), \(mismatch)") }
    }
}
