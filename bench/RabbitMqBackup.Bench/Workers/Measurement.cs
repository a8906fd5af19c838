namespace RabbitMqBackup.Bench.Workers;

/// <summary>What a child process measured of itself; travels as JSON.</summary>
/// <param name="Messages">Messages read or written.</param>
/// <param name="Seconds">From the start of the work to its end, without the start of the runtime.</param>
/// <param name="CpuSeconds">Of the whole process, with the start of the runtime and compilation; after a warm-up of the work alone.</param>
/// <param name="PeakBytes">Largest resident memory of the process.</param>
internal sealed record Measurement(long Messages, double Seconds, double CpuSeconds, long PeakBytes)
{
    /// <summary>Messages a second.</summary>
    internal double Rate => Messages / Seconds;

    /// <summary>Processor time a message in microseconds.</summary>
    internal double CpuMicroseconds => CpuSeconds * 1e6 / Messages;
}
