// The bounds of the RESP front end, each with its unit and its reason.

/// Settings of a ``RespServer``.
package struct RespConfiguration: Sendable {
    /// Most connections of all event loops together; further ones get Redis's own error.
    package var connectionsMaximum = 10_000
    /// Commands of one connection that are on their way; then its socket is not read until some have been answered. More than
    /// any benchmark's pipeline, so that it binds only who sends without end.
    package var pipelineMaximum = 1_024
    /// Replies of one connection that wait for its socket, in bytes; then nothing more of it is executed. Together with the
    /// pipeline this bounds a connection's memory.
    package var outputBytesMaximum = 1 << 20
    /// Most bytes of one read from a socket.
    package var readBytes = 65_536
    /// What INFO tells beside the front end's own lines: name and value.
    package var information: @Sendable () -> [(String, String)] = { [] }
    /// What CONFIG GET tells: name and value.
    package var settings: [(String, String)] = [
        ("appendonly", "yes"), ("databases", "1"), ("maxmemory", "0"), ("maxmemory-policy", "noeviction"), ("save", ""),
    ]

    package init() {}
}
