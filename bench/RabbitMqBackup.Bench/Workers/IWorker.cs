namespace RabbitMqBackup.Bench.Workers;

/// <summary>A piece of work that is measured in a process of its own.</summary>
internal interface IWorker
{
    /// <summary>On the command line of the child process.</summary>
    string Name { get; }

    /// <summary>In reports.</summary>
    string Title { get; }

    /// <summary>Does it.</summary>
    /// <returns>How long it took. What is left to clean up afterwards ends with the process.</returns>
    /// <exception cref="BenchException">It did not do what it should.</exception>
    Task<TimeSpan> RunAsync(WorkerSettings settings);
}
