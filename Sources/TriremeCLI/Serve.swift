import ArgumentParser

struct Serve: ParsableCommand { func run() throws {} }
struct Cluster: ParsableCommand { func run() throws {} }
struct Status: ParsableCommand { func run() throws {} }
