// Where a load's commands come from: a service's own kind of commands, written straight into a batch's buffer.

/// Writes commands. One dynamic call a batch.
package protocol LoadSource: AnyObject {
    /// Bytes of each command, or 0 when each carries its own length.
    var stride: Int { get }
    /// How many of the next commands fit into so many bytes.
    func count(fitting bytes: Int) -> Int
    /// Writes the next commands as a batch lays them out. Returns their bytes.
    func fill(_ target: UnsafeMutableRawPointer, count: Int) -> Int
}

/// Commands of the counter service.
package final class CounterSource: LoadSource {
    @exclusivity(unchecked) private var load: CounterLoad

    package init(lane: Int, commandBytes: Int) { load = CounterLoad(lane: lane, commandBytes: commandBytes) }

    package var stride: Int { load.commandBytes }
    package func count(fitting bytes: Int) -> Int { bytes / load.commandBytes }
    package func fill(_ target: UnsafeMutableRawPointer, count: Int) -> Int {
        load.fill(target, count: count)
        return count * load.commandBytes
    }
}
