using System.Diagnostics;
using System.Globalization;
using System.Net;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A backup in a process of its own, to be killed: no cleaning up by whatever means.</summary>
internal sealed class CrashChild : IBackupEvents, IDisposable
{
    internal const string Word = "crash-child";

    private readonly Process _process;

    private CrashChild(Process process) => _process = process;

    /// <summary>Starts the backup of one queue, and waits until it is about to read.</summary>
    internal static async Task<CrashChild> StartAsync(BrokerOptions broker, string virtualHost, string queue, string store, string id, string checkpoints, bool resume, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = new(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                typeof(CrashChild).Assembly.Location, Word, broker.Endpoints[0].Host, $"{broker.Endpoints[0].Port}", broker.EffectiveManagementUri.AbsoluteUri,
                broker.Credential.UserName, broker.Credential.Password, virtualHost, queue, store, id, checkpoints, $"{resume}",
            },
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        CrashChild child = new(Process.Start(start)!);
        string? said = await child._process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120));
        return said == "ready" ? child : throw new InvalidOperationException($"The child said '{said}': {await child._process.StandardError.ReadToEndAsync()}");
    }

    /// <summary>SIGKILL a while after so many segments were committed, unless it ends before.</summary>
    /// <returns>True when it was killed.</returns>
    internal async Task<bool> KillAfterAsync(int segments, TimeSpan delay)
    {
        while (segments > 0 && await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(3)) is not null)
        {
            segments--;
        }

        await Task.WhenAny(Task.Delay(delay), _process.WaitForExitAsync());
        bool ended = _process.HasExited;
        _process.Kill();
        await _process.WaitForExitAsync();
        if (ended && _process.ExitCode != 0)
        {
            throw new InvalidOperationException($"The child failed: {await _process.StandardError.ReadToEndAsync()}");
        }

        return !ended;
    }

    public void Dispose() => _process.Dispose();

    /// <summary>The child's side.</summary>
    internal static async Task<int> RunAsync(string[] job)
    {
        if (job is not [string host, string port, string management, string user, string password, string virtualHost, string queue, string store, string id, string checkpoints, string resume])
        {
            await Console.Error.WriteLineAsync("crash-child wants 11 arguments");
            return 2;
        }

        BackupOptions options = new()
        {
            Broker = new BrokerOptions
            {
                Endpoints = [new DnsEndPoint(host, int.Parse(port, CultureInfo.InvariantCulture))],
                ManagementUri = new Uri(management),
                Credential = new NetworkCredential(user, password),
            },
            Store = BackupStore.Parse(store),
            Selection = new QueueSelection { Names = [queue], VirtualHosts = [virtualHost] },
            SkipDefinitions = true,
            SegmentBytes = 64 << 10,
            BackupId = id,
            CheckpointPath = checkpoints,
            Resume = bool.Parse(resume),
            // Slow enough that a kill finds it at work.
            MaxMessagesPerSecond = 10_000,
        };
        BackupEngine engine = new();
        BackupPlan plan = await engine.PlanAsync(options, CancellationToken.None);
        Console.WriteLine("ready");
        BackupManifest manifest = await engine.ExecuteAsync(plan, new CrashChild(Process.GetCurrentProcess()), CancellationToken.None);
        return manifest.Status == BackupStatus.Complete ? 0 : 3;
    }

    void IBackupEvents.OnProgress(OperationProgress progress)
    {
    }

    void IBackupEvents.OnSegment(BackupSegment segment) => Console.WriteLine("segment");

    void IBackupEvents.OnFailure(RabbitBackupException failure) => Console.Error.WriteLine(failure.Message);
}
