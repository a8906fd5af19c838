using System.Diagnostics;
using System.Text.Json;
using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.Engine;

namespace RabbitMqBackup.Bench;

/// <summary>Runs a worker in a new process of this same program, so that its processor time and memory are its own.</summary>
internal static class ChildProcess
{
    /// <summary>First argument of a child process; the second one is the worker's name.</summary>
    internal const string Verb = "child";

    /// <summary>Enough for what is hot to be compiled once more, optimised.</summary>
    internal const int WarmUpMessages = 20_000;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    /// <summary>Runs a worker.</summary>
    /// <exception cref="BenchException">It failed or did not end.</exception>
    internal static async Task<Measurement> MeasureAsync(IWorker worker, WorkerSettings settings)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, [Verb, worker.Name]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start) ?? throw new BenchException("The child process did not start.");
        await process.StandardInput.WriteAsync(JsonSerializer.Serialize(settings));
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource patience = new(Patience);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new BenchException($"{worker.Title} took longer than {Patience}.");
        }

        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<Measurement>(await output) ?? throw new BenchException($"{worker.Title} gave no result.")
            : throw new BenchException($"{worker.Title} failed: {(await error).Trim()}");
    }

    /// <summary>Does the work on a small queue, and waits for the compiler's second round.</summary>
    /// <returns>Processor time up to here.</returns>
    private static async Task<TimeSpan> WarmUpAsync(string worker, WorkerSettings settings)
    {
        await WorkerList.Named(worker).RunAsync(settings);
        await Task.Delay(TimeSpan.FromSeconds(1));
        using Process self = Process.GetCurrentProcess();
        return self.TotalProcessorTime;
    }

    /// <summary>The other side: does the work and prints the measurement.</summary>
    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsChildAsync(string worker)
    {
        WorkerSettings settings = JsonSerializer.Deserialize<WorkerSettings>(await Console.In.ReadToEndAsync()) ?? throw new BenchException("There are no settings.");
        try
        {
            TimeSpan before = settings.WarmUpQueue is { } queue ? await WarmUpAsync(worker, settings with { Queue = queue, Messages = settings.WarmUpMessages }) : TimeSpan.Zero;
            TimeSpan elapsed = await WorkerList.Named(worker).RunAsync(settings);
            using Process self = Process.GetCurrentProcess();
            Measurement measurement = new(settings.Messages, elapsed.TotalSeconds, (self.TotalProcessorTime - before).TotalSeconds, self.PeakWorkingSet64);
            Console.Out.WriteLine(JsonSerializer.Serialize(measurement));
            await Console.Out.FlushAsync();
            Environment.Exit(0); // open connections are dropped, not closed politely
            return 0;
        }
        catch (Exception e) when (e is BenchException or RabbitBackupException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }
}
