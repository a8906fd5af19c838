using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Runtime.InteropServices;

namespace RabbitMqBackup.Module.Tests;

/// <summary>A session in a process of its own, which can get signals. It does with Ctrl+C what the console of PowerShell does: the first one stops the pipeline.</summary>
internal sealed class SessionProcess : IDisposable
{
    internal const string Word = "session";

    private const string Output = "output";
    private const string Bare = "bare";

    private readonly Process _process;

    private SessionProcess(Process process) => _process = process;

    /// <summary>Starts a script, and waits for the first object that comes of it.</summary>
    /// <param name="script">What to run.</param>
    /// <param name="import">False for a script that imports the module itself.</param>
    internal static async Task<SessionProcess> StartAsync(string script, bool import = true)
    {
        ProcessStartInfo start = new("dotnet", [typeof(SessionProcess).Assembly.Location, Word, script, .. import ? Array.Empty<string>() : [Bare]]) { RedirectStandardOutput = true, RedirectStandardError = true };
        SessionProcess session = new(Process.Start(start)!);
        string? said = await session._process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120));
        return said == Output ? session : throw new InvalidOperationException($"The session said '{said}': {await session._process.StandardError.ReadToEndAsync()}");
    }

    /// <summary>Sends a signal, e.g. <c>TERM</c>.</summary>
    internal void Signal(string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end; false where it goes on beyond that time.</summary>
    internal async Task<bool> EndsWithinAsync(TimeSpan time)
    {
        using CancellationTokenSource patience = new(time);
        try
        {
            await _process.WaitForExitAsync(patience.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    /// <summary>The other side.</summary>
    internal static int RunAsChild(string script, IReadOnlyList<string> more)
    {
        using ModuleSession session = new(import: !more.Contains(Bare));
        using PowerShell shell = session.Shell(script);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            shell.BeginStop(null, null);
        });
        PSDataCollection<PSObject> output = [];
        output.DataAdded += (_, _) => Console.WriteLine(Output);
        try
        {
            shell.Invoke(null, output);
        }
        catch (RuntimeException failure)
        {
            Console.Error.WriteLine(failure);
        }

        return 0;
    }
}
