// The README shows what compiles.
import Foundation
import Testing

@Test func readmeShowsTheLedgerAsItIsCompiled() throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let source = try String(contentsOf: here.appendingPathComponent("Ledger.swift"), encoding: .utf8)
    let readme = try String(
        contentsOf: here.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("README.md"),
        encoding: .utf8)
    let code = source[source.range(of: "import Trireme")!.lowerBound...]
    #expect(readme.contains(code))
    #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 41)
}
