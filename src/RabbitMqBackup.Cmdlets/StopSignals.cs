using System.Runtime.InteropServices;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// What PowerShell does not hand on while a cmdlet works: a second Ctrl+C, which means at once, and the end of the process (SIGTERM, a console that is closed, exit),
/// which waits for an orderly stop.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    /// <summary>A little more than the engine takes to give back what it holds and to commit what it has read. Systems kill a process that takes much longer.</summary>
    private static readonly TimeSpan ExitTimeout = TimeSpan.FromSeconds(7);

    private readonly CancellationTokenSource _stop;
    private readonly CancellationTokenSource _abort;
    private readonly Task _work;
    private readonly PosixSignalRegistration? _interrupt;
    private int _interrupts;

    internal StopSignals(CancellationTokenSource stop, CancellationTokenSource abort, Task work)
    {
        (_stop, _abort, _work) = (stop, abort, work);
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        try
        {
            _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnInterrupt);
        }
        catch (Exception exception) when (exception is PlatformNotSupportedException or IOException)
        {
            // A host without a console has no Ctrl+C either.
        }
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        _interrupt?.Dispose();
    }

    /// <summary>The first is PowerShell's, which stops the pipeline. What the signal does otherwise is left as it is.</summary>
    private void OnInterrupt(PosixSignalContext context)
    {
        if (Interlocked.Increment(ref _interrupts) > 1)
        {
            _abort.Cancel();
        }
    }

    private void OnExit(object? sender, EventArgs e)
    {
        _stop.Cancel();
        ((IAsyncResult)_work).AsyncWaitHandle.WaitOne(ExitTimeout);
    }
}
