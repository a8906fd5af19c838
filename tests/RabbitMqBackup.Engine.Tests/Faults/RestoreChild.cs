using System.Diagnostics;
using System.Globalization;
using System.Net;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A restore in a process of its own, to be killed.</summary>
internal sealed class RestoreChild : IRestoreEvents, IDisposable
{
    internal const string Word = "restore-child";

    private readonly Process? _process;

    private RestoreChild(Process? process) => _process = process;

    internal static RestoreChild Start(EngineHarness harness, FaultStore store, BackupManifest manifest, string checkpoints, int window, long? rate = null)
    {
        BrokerOptions broker = harness.Broker;
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                typeof(RestoreChild).Assembly.Location, Word, broker.Endpoints[0].Host, $"{broker.Endpoints[0].Port}", broker.EffectiveManagementUris[0].AbsoluteUri,
                broker.Credential.UserName, broker.Credential.Password, store.Address, manifest.BackupId, checkpoints, $"{window}", $"{broker.StreamEndpoint!.Port}", $"{rate}",
            },
        };
        foreach ((string name, string value) in store.Environment)
        {
            start.Environment[name] = value;
        }

        return new RestoreChild(Process.Start(start)!);
    }

    /// <summary>Waits until so many messages have been published.</summary>
    /// <returns>False when it has come to its end.</returns>
    internal async Task<bool> UntilAsync(long messages)
    {
        while (await _process!.StandardOutput.ReadLineAsync() is { } line)
        {
            if (long.TryParse(line, CultureInfo.InvariantCulture, out long at) && at >= messages)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>SIGKILL when so many messages have been published, and a little later.</summary>
    /// <returns>True when it was killed, false when it had come to its end.</returns>
    internal async Task<bool> KillAtAsync(long messages, int milliseconds)
    {
        if (await UntilAsync(messages))
        {
            await Task.Delay(milliseconds);
        }

        bool ended = _process!.HasExited;
        _process.Kill();
        await _process.WaitForExitAsync();
        return ended && _process.ExitCode != 0 ? throw new InvalidOperationException($"The child failed: {await _process.StandardError.ReadToEndAsync()}") : !ended;
    }

    public void Dispose() => _process?.Dispose();

    /// <summary>The child's side.</summary>
    internal static async Task<int> RunAsync(string[] job)
    {
        if (job is not [string host, string port, string management, string user, string password, string store, string id, string checkpoints, string window, string streamPort, string rate])
        {
            await Console.Error.WriteLineAsync("restore-child wants 11 arguments");
            return 2;
        }

        await using BackupCatalog catalog = new(BackupStore.Parse(store));
        RestoreOptions options = new()
        {
            Broker = new BrokerOptions
            {
                Endpoints = [new DnsEndPoint(host, int.Parse(port, CultureInfo.InvariantCulture))],
                ManagementUri = new Uri(management),
                StreamEndpoint = new DnsEndPoint(host, int.Parse(streamPort, CultureInfo.InvariantCulture)),
                Credential = new NetworkCredential(user, password),
            },
            Manifest = await catalog.GetAsync(id, CancellationToken.None),
            Resume = true,
            CheckpointPath = checkpoints,
            MaxMessagesPerSecond = rate.Length == 0 ? null : long.Parse(rate, CultureInfo.InvariantCulture),
            ConfirmWindow = int.Parse(window, CultureInfo.InvariantCulture),
        };
        RestoreEngine engine = new();
        RestorePlan plan = await engine.PlanAsync(options, CancellationToken.None);
        RestoreResult result = await engine.ExecuteAsync(plan, new RestoreChild(null), CancellationToken.None);
        return result.IsComplete ? 0 : 1;
    }

    void IRestoreEvents.OnProgress(OperationProgress progress) => Console.WriteLine(progress.Messages);

    void IRestoreEvents.OnFailure(RabbitBackupException failure) => Console.Error.WriteLine(failure.Message);
}
