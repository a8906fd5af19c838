using RabbitMqBackup.Bench.Workers;

namespace RabbitMqBackup.Bench;

/// <summary>Results of workers that took turns: by round, so that each ratio is taken between neighbours in time.</summary>
internal sealed class Contest(string title, IReadOnlyList<IWorker> workers)
{
    private readonly Dictionary<IWorker, List<Measurement>> _measurements = workers.ToDictionary(worker => worker, _ => new List<Measurement>());

    /// <summary>The workers in the order of a round; it shifts from round to round, so that none profits from its place.</summary>
    internal IEnumerable<IWorker> Order(int round) => workers.Select((_, place) => workers[(place + round) % workers.Count]);

    /// <summary>Takes a result.</summary>
    internal void Add(IWorker worker, Measurement measurement)
    {
        _measurements[worker].Add(measurement);
        Console.WriteLine($"   {worker.Title,-18} {measurement.Rate,10:N0} msg/s {measurement.CpuMicroseconds,8:N2} us CPU/msg {measurement.PeakBytes / 1048576.0,8:N0} MB");
    }

    /// <summary>Prints medians, and the ratios of the first worker to each of the others.</summary>
    internal void Report()
    {
        Console.WriteLine();
        Console.WriteLine($"{title}: median (lowest to highest)");
        Console.WriteLine($"   {"",-18} {"msg/s",28} {"CPU us/msg",24} {"peak MB",22}");
        foreach (IWorker worker in workers)
        {
            List<Measurement> results = _measurements[worker];
            Console.WriteLine($"   {worker.Title,-18} {Spread(results.Select(r => r.Rate), "N0"),28} {Spread(results.Select(r => r.CpuMicroseconds), "N2"),24} {Spread(results.Select(r => r.PeakBytes / 1048576.0), "N0"),22}");
        }

        foreach (IWorker reference in workers.Skip(1))
        {
            IEnumerable<double> ratios = _measurements[workers[0]].Zip(_measurements[reference], (subject, other) => subject.Rate / other.Rate);
            Console.WriteLine($"   {workers[0].Title} / {reference.Title}: {Spread(ratios, "F2")}");
        }
    }

    private static string Spread(IEnumerable<double> values, string format)
    {
        List<double> sorted = [.. values.Order()];
        int middle = sorted.Count / 2;
        double median = sorted.Count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return sorted.Count == 1 ? median.ToString(format) : $"{median.ToString(format)} ({sorted[0].ToString(format)} to {sorted[^1].ToString(format)})";
    }
}
