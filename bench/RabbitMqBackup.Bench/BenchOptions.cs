using RabbitMqBackup.Bench.Scenarios;

namespace RabbitMqBackup.Bench;

/// <summary>What is to be measured.</summary>
internal sealed record BenchOptions
{
    internal const string Usage = """
        dotnet run -c Release --project bench/RabbitMqBackup.Bench -- [SCENARIO ...] [OPTION VALUE ...]

        Scenarios (default: all)
          read          a whole backup, against a raw socket drain and a RabbitMQ.Client consumer that does nothing
          write         a whole restore, against a raw confirming publisher and a RabbitMQ.Client publisher with pipelined confirms
          stream-read   the backup of a stream, against a raw reader that checks CRCs and walks entries, and a RabbitMQ.Client consumer (AMQP 0-9-1)
          stream-write  the restore of a stream, against a raw publisher with 500 messages a frame and 10,000 unconfirmed, with and without a name

        Options
          --messages    messages in the queue                                    200000
          --size        bytes of a body                                          1024
          --body        json | random | compressible                             json
          --queues      classic,quorum                                           both
          --generation  broker: 3.10 | 4.0 | 4.3                                 4.3
          --rounds      rounds; in each, every contestant has a queue of its own 3
          --prefetch    of each consumer of the references                       65000
          --window      unconfirmed messages of the references                   2000
          --compression zstd | lz4 | none, of the backup                         zstd
          --warm        yes: readers read a small queue first, as in a session   no
                        that has made a backup before; no: a process of its own
        """;

    /// <summary>Scenarios in the order in which they run.</summary>
    internal required IReadOnlyList<IScenario> Scenarios { get; init; }

    /// <summary>Messages in the queue.</summary>
    internal int Messages { get; init; } = 200_000;

    /// <summary>Bytes of a body.</summary>
    internal int Size { get; init; } = 1024;

    /// <summary>What bodies are made of.</summary>
    internal BodyKind Body { get; init; }

    /// <summary>Queue types, one report each.</summary>
    internal IReadOnlyList<string> Queues { get; init; } = ["classic", "quorum"];

    /// <summary>Broker generation.</summary>
    internal string Generation { get; init; } = "4.3";

    /// <summary>Rounds.</summary>
    internal int Rounds { get; init; } = 3;

    /// <summary>Prefetch of each consumer of the reference readers; a consumer that is full is followed by the next one.</summary>
    internal ushort Prefetch { get; init; } = 65_000;

    /// <summary>Messages that a reference publisher leaves unconfirmed at most.</summary>
    internal int Window { get; init; } = 2000;

    /// <summary>The backup's compression: <c>zstd</c>, <c>lz4</c> or <c>none</c>.</summary>
    internal string Compression { get; init; } = "zstd";

    /// <summary>Readers read a small queue before the clock starts.</summary>
    internal bool IsWarm { get; init; }

    /// <summary>From the command line.</summary>
    /// <exception cref="ArgumentException">Something in it is not understood.</exception>
    internal static BenchOptions Parse(IReadOnlyList<string> args)
    {
        List<IScenario> scenarios = [];
        BenchOptions options = new() { Scenarios = scenarios };
        for (int i = 0; i < args.Count; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                scenarios.Add(ScenarioList.Named(args[i]));
                continue;
            }

            string name = args[i];
            string value = ++i < args.Count ? args[i] : throw new ArgumentException($"{name} needs a value.");
            options = With(options, name, value);
        }

        if (scenarios.Count == 0)
        {
            scenarios.AddRange(ScenarioList.All);
        }

        return options;
    }

    private static BenchOptions With(BenchOptions options, string name, string value) => name switch
    {
        "--messages" => options with { Messages = Number(name, value, 1, 100_000_000) },
        "--size" => options with { Size = Number(name, value, 0, 16 << 20) },
        "--body" => options with { Body = Choice(name, value, Enum.GetNames<BodyKind>()) is { } kind ? Enum.Parse<BodyKind>(kind, ignoreCase: true) : default },
        "--queues" => options with { Queues = [.. value.Split(',').Select(queue => Choice(name, queue, ["classic", "quorum"]))] },
        "--generation" => options with { Generation = value },
        "--rounds" => options with { Rounds = Number(name, value, 1, 100) },
        "--prefetch" => options with { Prefetch = (ushort)Number(name, value, 1, ushort.MaxValue) },
        "--window" => options with { Window = Number(name, value, 1, 1_000_000) },
        "--compression" => options with { Compression = Choice(name, value, ["zstd", "lz4", "none"]) },
        "--warm" => options with { IsWarm = Choice(name, value, ["yes", "no"]) == "yes" },
        _ => throw new ArgumentException($"There is no option {name}."),
    };

    private static int Number(string name, string value, int least, int most) =>
        int.TryParse(value, out int number) && number >= least && number <= most ? number : throw new ArgumentException($"{name} takes a number from {least} to {most}, not '{value}'.");

    private static string Choice(string name, string value, IReadOnlyList<string> choices) =>
        choices.FirstOrDefault(choice => choice.Equals(value, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"{name} takes {string.Join(", ", choices).ToLowerInvariant()}, not '{value}'.");
}
