// A client that comes when its replica has just ended.
import Testing
import Trireme
import TriremeRuntime

@Suite struct LateClientTests {
    /// It hears so at once. One that was not told waited for ever (found by a call to the kernel that failed in the start's last moment).
    @Test func whoComesAfterTheEndHearsOfIt() throws {
        let pool = BufferPool(
            batchBytes: 4_096, own: 24, receive: 4, reserve: 4)
        let gateway = ClientGateway(pool: pool, windowBatches: 4, wake: {})
        let before = try #require(gateway.makePort(capacity: 4))
        #expect(!before.isClosed)
        gateway.shut()
        #expect(before.isClosed)
        var late = Client(port: try #require(gateway.makePort(capacity: 4)), capacity: 4, largestCommandBytes: 1_000)
        var code: TriremeError.Code?
        do { try [1].withUnsafeBytes { try late.submitWaiting($0, tag: 0) { _, _ in } } } catch let error
            as TriremeError
        {
            code = error.code
        }
        #expect(code == .stopped)
    }
}
