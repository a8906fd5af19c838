using System.Diagnostics;
using System.Globalization;
using System.Net;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A backup in a process of its own, to be killed: no cleaning up by whatever means.</summary>
internal sealed class CrashChild : IBackupEvents, IDisposable
{
    internal const string Word = "crash-child";
    internal const int SegmentBytes = 64 << 10;

    /// <summary>Where this environment variable is set, it reads on whatever the delivery counts.</summary>
    internal const string Forced = "CRASH_CHILD_FORCE";

    private const string Ready = "ready";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Process _process;

    private CrashChild(Process process) => _process = process;

    /// <summary>Starts the backup of one queue into a store of any kind, and waits until it is about to read.</summary>
    internal static Task<CrashChild> StartAsync(EngineHarness harness, string queue, FaultStore store, string id, string checkpoints) =>
        StartAsync(harness.Broker, harness.VirtualHost, queue, store.Address, id, checkpoints, resume: false, store.Environment);

    /// <summary>Starts the backup of one queue, and waits until it is about to read.</summary>
    internal static async Task<CrashChild> StartAsync(BrokerOptions broker, string virtualHost, string queue, string store, string id, string checkpoints, bool resume, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = new(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                typeof(CrashChild).Assembly.Location, Word, broker.Endpoints[0].Host, $"{broker.Endpoints[0].Port}", $"{broker.StreamEndpoint!.Port}", broker.EffectiveManagementUris[0].AbsoluteUri,
                broker.Credential.UserName, broker.Credential.Password, virtualHost, queue, store, id, checkpoints, $"{resume}",
            },
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        CrashChild child = new(Process.Start(start)!);
        string? said = await child._process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120));
        return said == Ready ? child : throw new InvalidOperationException($"The child said '{said}': {await child._process.StandardError.ReadToEndAsync()}");
    }

    /// <summary>It has come to its end.</summary>
    internal bool HasEnded => _process.HasExited;

    /// <summary>Lets it come to its end, and says when what happened.</summary>
    internal async Task<CrashTimes> WatchAsync()
    {
        long start = Stopwatch.GetTimestamp();
        List<TimeSpan> segments = [];
        while (await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is not null)
        {
            segments.Add(Stopwatch.GetElapsedTime(start));
        }

        await _process.WaitForExitAsync();
        TimeSpan end = Stopwatch.GetElapsedTime(start);
        return _process.ExitCode == 0 && segments.Count > 2
            ? new CrashTimes(segments.Count, segments[0], segments[^1] - segments[0], end - segments[^1])
            : throw new InvalidOperationException($"The child ended with {_process.ExitCode} after {segments.Count} segments: {await _process.StandardError.ReadToEndAsync()}");
    }

    /// <summary>Lets it come to its end: 0 where the backup is complete, 3 where it is partial, with what failed.</summary>
    internal async Task<(int Code, string Errors)> EndAsync()
    {
        Task<string> errors = _process.StandardError.ReadToEndAsync();
        while (await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is not null)
        {
        }

        await _process.WaitForExitAsync();
        return (_process.ExitCode, await errors);
    }

    /// <summary>SIGKILL at a random moment: of six kills one before the first segment and one after the last, by what an earlier run took.</summary>
    /// <returns>True when it was killed, false when it had come to its end.</returns>
    internal async Task<bool> KillAsync(CrashTimes times, Random random, int kill)
    {
        (int segments, TimeSpan within) = (kill % 6) switch
        {
            1 => (0, times.UntilFirst),
            4 => (times.Segments, times.AfterLast),
            _ => (random.Next(1, times.Segments), times.Between / times.Segments * 2),
        };
        return await KillAfterAsync(segments, within * random.NextDouble());
    }

    /// <summary>SIGKILL a while after so many segments were committed, unless it ends before.</summary>
    /// <returns>True when it was killed.</returns>
    internal async Task<bool> KillAfterAsync(int segments, TimeSpan delay)
    {
        while (segments > 0 && await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is not null)
        {
            segments--;
        }

        await Task.WhenAny(Task.Delay(delay), _process.WaitForExitAsync());
        bool ended = _process.HasExited;
        _process.Kill();
        await _process.WaitForExitAsync();

        // Between the look and the kill it may have ended by itself.
        ended |= _process.ExitCode != 128 + 9;
        return ended && _process.ExitCode != 0 ? throw new InvalidOperationException($"The child failed: {await _process.StandardError.ReadToEndAsync()}") : !ended;
    }

    /// <summary>SIGKILL after a while, whatever has become of it; true when that is what ended it.</summary>
    internal async Task<bool> KillAnywayAsync(TimeSpan delay)
    {
        await Task.WhenAny(Task.Delay(delay), _process.WaitForExitAsync());
        _process.Kill();
        await _process.WaitForExitAsync();
        return _process.ExitCode == 128 + 9;
    }

    public void Dispose() => _process.Dispose();

    /// <summary>The child's side.</summary>
    internal static async Task<int> RunAsync(string[] job)
    {
        if (job is not [string host, string port, string streamPort, string management, string user, string password, string virtualHost, string queue, string store, string id, string checkpoints, string resume])
        {
            await Console.Error.WriteLineAsync("crash-child wants 12 arguments");
            return 2;
        }

        BackupOptions options = new()
        {
            Broker = new BrokerOptions
            {
                Endpoints = [new DnsEndPoint(host, int.Parse(port, CultureInfo.InvariantCulture))],
                StreamEndpoint = new DnsEndPoint(host, int.Parse(streamPort, CultureInfo.InvariantCulture)),
                ManagementUri = new Uri(management),
                Credential = new NetworkCredential(user, password),
            },
            Store = BackupStore.Parse(store),
            Selection = new QueueSelection { Names = [queue], VirtualHosts = [virtualHost] },
            SkipDefinitions = true,
            SegmentBytes = SegmentBytes,
            BackupId = id,
            CheckpointPath = checkpoints,
            Resume = bool.Parse(resume),
            // Slow enough that a kill finds it at work.
            MaxMessagesPerSecond = 10_000,
            Force = Environment.GetEnvironmentVariable(Forced) is not null,
        };
        BackupEngine engine = new();
        BackupPlan plan = await engine.PlanAsync(options, CancellationToken.None);
        Console.WriteLine(Ready);
        BackupManifest manifest = await engine.ExecuteAsync(plan, new CrashChild(Process.GetCurrentProcess()), CancellationToken.None);
        return manifest.Status == BackupStatus.Complete ? 0 : 3;
    }

    void IBackupEvents.OnProgress(OperationProgress progress)
    {
    }

    void IBackupEvents.OnSegment(BackupSegment segment) => Console.WriteLine("segment");

    void IBackupEvents.OnFailure(RabbitBackupException failure) => Console.Error.WriteLine(failure.Message);
}
