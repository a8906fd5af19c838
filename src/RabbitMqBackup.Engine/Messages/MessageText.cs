using System.Text;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>Decides whether a body is text.</summary>
internal static class MessageText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text of a body that is UTF-8 without control characters other than tab, line feed and carriage return; else null.</summary>
    internal static string? TryDecode(ReadOnlySpan<byte> body)
    {
        foreach (byte b in body)
        {
            if (b < 0x20 && b is not (0x09 or 0x0A or 0x0D))
            {
                return null;
            }
        }

        try
        {
            return Strict.GetString(body);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
