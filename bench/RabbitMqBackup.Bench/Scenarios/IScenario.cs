using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>Something to be measured, with what it is compared to.</summary>
internal interface IScenario
{
    /// <summary>On the command line.</summary>
    string Name { get; }

    /// <summary>Measures and prints.</summary>
    /// <exception cref="BenchException">It can't be measured.</exception>
    Task RunAsync(OwnTestBroker broker, BenchOptions options);
}
