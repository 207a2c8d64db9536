// `durability: memory`: an identity is founded once, and no start reuses a generation (PROTOCOL §2 ◆, §9 ◆).
import Testing
import TriremeCore
import TriremeStorage

@Suite struct MemoryDirectoryTests {
    private let identity = LogIdentity(clusterLow: 1, clusterHigh: 2, replica: ReplicaID(0))

    private func start(_ path: String, _ identity: LogIdentity, format: Bool) throws(StorageError) -> Generation {
        try MemoryDirectory(at: path, identity: identity, epoch: 1, format: format, patienceMilliseconds: 1).generation
    }
    private func code(_ body: () throws(StorageError) -> Generation) -> StorageError.Code? {
        do throws(StorageError) {
            _ = try body()
            return nil
        } catch { return error.code }
    }

    @Test func everyStartHasANewGeneration() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/replica"
        let first = try start(path, identity, format: true)
        let second = try start(path, identity, format: false)
        let third = try start(path, identity, format: false)
        #expect(first < second && second < third)
    }
    @Test func anIdentityIsFoundedOnce() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/replica"
        #expect(code { () throws(StorageError) in try start(path, identity, format: false) } == .unformatted)
        _ = try start(path, identity, format: true)
        #expect(code { () throws(StorageError) in try start(path, identity, format: true) } == .alreadyFormatted)
    }
    @Test func anothersDirectoryIsRefused() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/replica"
        _ = try start(path, identity, format: true)
        let other = LogIdentity(clusterLow: 1, clusterHigh: 3, replica: ReplicaID(0))
        #expect(code { () throws(StorageError) in try start(path, other, format: false) } == .foreign)
    }
    @Test func twoProcessesCannotHaveIt() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/replica"
        let open = try MemoryDirectory(at: path, identity: identity, epoch: 1, format: true)
        #expect(code { () throws(StorageError) in try start(path, identity, format: false) } == .locked)
        extendLifetime(open)
    }
}
