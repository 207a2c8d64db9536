// Profiles that operators write: what is wrong is named, and how to mend it.
import Testing
import TriremeTuning

@Suite struct ProfileFileTests {
    private let good = """
        {"name": "mine", "purpose": "a try", "placement": {"cpu": 3, "memory": "own", "idle": "adaptive", "spinMicroseconds": 20},
         "settings": {"net.core.rmem_max": ">= 8388608"}}
        """

    private func load(_ text: String) throws -> Profile {
        let root = try FakeRoot(["p.json": text])
        defer { root.remove() }
        return try Profile.find(root.path + "/p.json")
    }
    private func refusal(_ from: String, _ to: String) throws -> String {
        #expect(good.contains(from))
        let error = #expect(throws: TuningError.self) { try load(good.replacing(from, with: to)) }
        return error?.description ?? ""
    }

    @Test func aFileIsAProfile() throws {
        let profile = try load(good)
        #expect(
            profile
                == Profile(
                    name: "mine", purpose: "a try", tuned: nil,
                    placement: .init(.number(3), isOnNode: true, idle: .adaptive, spinMicroseconds: 20),
                    settings: ["net.core.rmem_max": .atLeast(8 << 20)]))
    }

    @Test func mistakesAreNamed() throws {
        #expect(try refusal("rmem_max", "rmem").contains("\"net.core.rmem\" is not known; there are"))
        #expect(try refusal(">= 8388608", "> 8").contains("settings.net.core.rmem_max is \"> 8\""))
        #expect(try refusal("\"cpu\": 3", "\"cpu\": \"two\"").contains("placement.cpu is \"two\""))
        #expect(try refusal("\"cpu\": 3", "\"cpu\": -1").contains("placement.cpu is \"-1\""))
        #expect(try refusal("\"own\"", "\"near\"").contains("placement.memory is \"near\""))
        #expect(try refusal("adaptive", "sleep").contains("placement.idle is \"sleep\""))
        #expect(try refusal(": 20", ": 0").contains("placement.spinMicroseconds is 0"))
        #expect(try refusal("\"idle\"", "\"idel\"").contains("\"idel\" is not known"))
        #expect(try refusal("\"name\"", "\"nmae\"").contains("\"nmae\" is not known"))
        #expect(try refusal("\"name\": \"mine\", ", "").contains("name is missing"))
        #expect(try refusal("\"a try\"", "5").contains("purpose has the wrong kind of value"))
        #expect(try refusal("}}", "}").contains("this is not JSON"))
    }

    @Test func namesAndFilesAreToldApart() throws {
        #expect(try Profile.find("latency").name == "latency")
        for text in ["latencies", "./absent.json", "absent.json"] {
            let error = #expect(throws: TuningError.self) { try Profile.find(text) }
            #expect(error?.description.contains("laptop, throughput, latency, numa") == true)
        }
    }
}
