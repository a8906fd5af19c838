using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Who holds a lease, as the lease's object tells it.</summary>
internal sealed record LeaseHolder
{
    /// <summary>The longest lease that is read, in bytes.</summary>
    internal const int MaxBytes = 16 << 10;

    // A process's start, as different processes compute it, differs by rounding and by corrections of the clock.
    private static readonly TimeSpan StartTolerance = TimeSpan.FromSeconds(5);

    /// <summary>Tells one lease from another, also of one process.</summary>
    internal required string LeaseId { get; init; }

    internal required LeasePurpose Purpose { get; init; }

    /// <summary>The user.</summary>
    internal required string Owner { get; init; }

    /// <summary>The machine's name.</summary>
    internal required string Host { get; init; }

    /// <summary>Where <see cref="ProcessId"/> means something: the same text on two sides is the same running system and, with containers, the same container.</summary>
    internal required string ProcessSpace { get; init; }

    internal required int ProcessId { get; init; }

    internal required DateTimeOffset ProcessStartedAt { get; init; }

    /// <summary>When the lease was taken, by the holder's clock.</summary>
    internal required DateTimeOffset TakenAt { get; init; }

    /// <summary>The last sign of life, by the holder's clock.</summary>
    internal DateTimeOffset RenewedAt { get; init; }

    /// <summary>This process.</summary>
    internal static LeaseHolder Self(LeasePurpose purpose, TimeProvider time)
    {
        using Process process = Process.GetCurrentProcess();
        DateTimeOffset now = time.GetUtcNow();
        return new LeaseHolder
        {
            LeaseId = Guid.NewGuid().ToString("n"),
            Purpose = purpose,
            Owner = Environment.UserName,
            Host = Environment.MachineName,
            ProcessSpace = FindProcessSpace(),
            ProcessId = process.Id,
            ProcessStartedAt = process.StartTime,
            TakenAt = now,
            RenewedAt = now,
        };
    }

    /// <summary>True where it can be seen from here that the holder's process has ended.</summary>
    internal bool HasEnded()
    {
        if (ProcessSpace != FindProcessSpace())
        {
            return false;
        }

        try
        {
            using Process process = Process.GetProcessById(ProcessId);
            return (process.StartTime - ProcessStartedAt.LocalDateTime).Duration() > StartTolerance;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            return true;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // A process of somebody else, at whose start we may not look: it lives.
            return false;
        }
    }

    internal byte[] ToJson()
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("lease_id", LeaseId);
            json.WriteString("purpose", Purpose.ToString());
            json.WriteString("owner", Owner);
            json.WriteString("host", Host);
            json.WriteString("process_space", ProcessSpace);
            json.WriteNumber("process_id", ProcessId);
            json.WriteNumber("process_started_at", ProcessStartedAt.ToUnixTimeMilliseconds());
            json.WriteNumber("taken_at", TakenAt.ToUnixTimeMilliseconds());
            json.WriteNumber("renewed_at", RenewedAt.ToUnixTimeMilliseconds());
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    /// <summary>Reads a lease; null where it can't be understood, which makes it nobody's, not nothing.</summary>
    internal static LeaseHolder? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            JsonElement json = document.RootElement;
            DateTimeOffset Time(string name) => DateTimeOffset.FromUnixTimeMilliseconds(json.GetProperty(name).GetInt64());
            string Text(string name) => Printable(json.GetProperty(name).GetString() ?? "");
            return new LeaseHolder
            {
                LeaseId = json.GetProperty("lease_id").GetString() ?? "",
                Purpose = Enum.Parse<LeasePurpose>(Text("purpose")),
                Owner = Text("owner"),
                Host = Text("host"),
                ProcessSpace = json.GetProperty("process_space").GetString() ?? "",
                ProcessId = json.GetProperty("process_id").GetInt32(),
                ProcessStartedAt = Time("process_started_at"),
                TakenAt = Time("taken_at"),
                RenewedAt = Time("renewed_at"),
            };
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>For people.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Doing(Purpose)} by {Owner} on {Host}, process {ProcessId}, since {TakenAt.UtcDateTime:u}, last sign of life {RenewedAt.UtcDateTime:u}");

    private static string Doing(LeasePurpose purpose) => purpose switch
    {
        LeasePurpose.Backup => "it is being made",
        LeasePurpose.CopyTarget => "it is being copied into this store",
        LeasePurpose.Removal => "it is being removed",
        LeasePurpose.Restore => "it is being restored",
        LeasePurpose.CopySource => "it is being copied to another store",
        _ => "a backup that goes on from it is being made",
    };

    /// <summary>What somebody else wrote goes into an error: without control characters, and not without end.</summary>
    private static string Printable(string text)
    {
        StringBuilder clean = new();
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, 100)))
        {
            clean.Append(char.IsControl(c) ? '?' : c);
        }

        return clean.ToString();
    }

    /// <summary>On Linux the running kernel and the namespace of process ids, elsewhere the machine's name.</summary>
    private static string FindProcessSpace()
    {
        try
        {
            return OperatingSystem.IsLinux()
                ? $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} {new FileInfo("/proc/self/ns/pid").LinkTarget}"
                : Environment.MachineName;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Nobody's space: then only time tells whether a holder is gone.
            return Guid.NewGuid().ToString();
        }
    }
}
