namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>All scenarios.</summary>
internal static class ScenarioList
{
    internal static readonly IReadOnlyList<IScenario> All = [new ReadScenario(), new WriteScenario(), new StreamReadScenario(), new StreamWriteScenario()];

    /// <summary>The scenario of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    internal static IScenario Named(string name) =>
        All.FirstOrDefault(scenario => scenario.Name == name)
        ?? throw new ArgumentException($"There is no scenario '{name}'; there are {string.Join(", ", All.Select(scenario => scenario.Name))}.");
}
