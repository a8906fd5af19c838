namespace RabbitMqBackup.Quickstart;

/// <summary>What the sample prints.</summary>
internal static class Story
{
    /// <summary>Begins a step.</summary>
    internal static void Heading(string text)
    {
        Console.WriteLine();
        Console.WriteLine(Coloured($"== {text}", "36;1"));
    }

    /// <summary>Says something about it.</summary>
    internal static void Tell(string text) => Console.WriteLine($"   {text}");

    /// <summary>Shows a command as if it had been typed.</summary>
    internal static void Command(string text) => Console.WriteLine(Coloured($"PS> {text}", "33"));

    /// <summary>Ends the story badly.</summary>
    /// <returns>The exit code.</returns>
    internal static int Fail(string text)
    {
        Console.Error.WriteLine();
        Console.Error.WriteLine(Console.IsErrorRedirected ? $"FAILED: {text}" : $"\u001b[31mFAILED: {text}\u001b[0m");
        return 1;
    }

    private static string Coloured(string text, string colour) => Console.IsOutputRedirected ? text : $"\u001b[{colour}m{text}\u001b[0m";
}
