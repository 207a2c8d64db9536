// Everything that a run found, and the files it is written to.

package struct BenchReport: Sendable {
    package var result: BenchResult
    package var sweep: [SweepPoint] = []
    package var limits: BenchLimits?

    package init(result: BenchResult) { self.result = result }

    /// Whether the replicas agreed after every load.
    package var agrees: Bool { result.agrees && sweep.allSatisfy(\.result.agrees) }

    /// The contract's object.
    package var json: JSON {
        var members = result.members
        if let place = members.firstIndex(where: { $0.name == "agreement" }) { members[place].value = .bool(agrees) }
        if !sweep.isEmpty { members.append(.init(name: "sweep", value: SweepTable.json(sweep))) }
        if let limits { members.append(.init(name: "limits", value: limits.json)) }
        return .object(members)
    }

    /// Writes the files that the options name.
    package func write() throws {
        let options = result.options
        if let path = options.jsonPath { try OutputFile.write(json.text + "\n", to: path, "--json") }
        if let path = options.hgrmPath { try OutputFile.write(result.percentiles.hgrm, to: path, "--hgrm") }
        if let path = options.reportPath { try OutputFile.write(HTMLReport(self).text, to: path, "--report") }
    }
}
